// @ts-check
import { defineConfig, globalIgnores } from 'eslint/config';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import rxjsX from 'eslint-plugin-rxjs-x';
import { plainWords } from './scripts/plain-words.mjs';

/**
 * The rooms of lib/. Each line names rooms, the files and packages that they import beside their own folder and rxjs, and the
 * rooms of which they import only types. A line wins over the lines above it.
 */
const rooms = [
  room('errors', 'core/assert @standard-schema/spec'),
  room('observe', 'errors core/assert winston', 'core'),
  room('core', 'abort errors observe/events observe/logging'),
  room('core/abort', 'context run-handle'),
  room('http', 'response core core/abort errors'),
  room('resilience', 'limits core core/abort errors @standard-schema/spec'),
  room('resilience/limits', 'is-transient core core/abort errors'),
  room('resilience/last-good', 'sharing/keys core core/abort errors'),
  room('http/response', 'network-error-of request-headers core core/abort errors'),
  room('http/stream', 'fetch network-error-of parse-url request request-headers response core core/abort errors'),
  room('http/undici', 'bad-ports sendable core core/abort errors undici node:stream node:zlib'),
  room(
    'observe/report observe/opentelemetry',
    'events errors core/assert get-east-asian-width @opentelemetry/api',
    'core',
  ),
  room('server', 'core core/abort errors http/request-headers'),
  room(
    'testing user-aggregator',
    'index core/abort core/assert errors/foreign fetch leaks marbles virtual-time rxjs/testing',
  ),
];

/** @returns {import('eslint').Linter.Config} */
function room(/** @type {string} */ names, /** @type {string} */ imports, types = '') {
  const message = `${names}: import only rxjs, ${imports.replaceAll(' ', ', ')}${types && ` and types of ${types}`}.`;
  const allExcept = (/** @type {string} */ allowed) => {
    const all = allowed.replaceAll(' ', '|');
    return String.raw`^(?!(\./[\w-]+\.ts|(\.{1,2}/)+(${all})(/[\w-]+)?\.ts|${all}|rxjs)$)`;
  };
  const patterns = types
    ? [
        { regex: allExcept(`${imports} ${types}`), message },
        { regex: allExcept(imports), allowTypeImports: true, message },
      ]
    : [{ regex: allExcept(imports), message }];
  return {
    files: names.split(' ').flatMap((name) => [`lib/${name}/**`, `lib/${name}.ts`]),
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
  };
}

/** Globals that only some files may use. */
const allowedGlobals = {
  fetch: ['lib/http/request.ts'],
  process: ['lib/core/abort/allow-many-listeners.ts', 'lib/core/context.ts', 'lib/observe/winston.ts'],
  AbortController: ['lib/core/abort/lazy-abort-controller.ts', 'lib/testing/contexts.ts', 'lib/testing/leaks/watch.ts'],
};

/** Globals that no file may use. */
const forbiddenGlobals = {
  'Virtual time does not see it: use a scheduler of RxJS.': [
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'requestAnimationFrame',
    'performance',
  ],
  'Node-only: lib/ runs in browsers too.': ['Buffer', 'global', 'require', '__dirname', '__filename'],
};

/** @returns {import('eslint').Linter.RulesRecord} */
function globalsIn(file = '') {
  const forbidden = Object.entries(forbiddenGlobals).flatMap(([message, names]) =>
    names.map((name) => ({ name, message })),
  );
  const elsewhere = Object.entries(allowedGlobals)
    .filter(([, files]) => !files.includes(file))
    .map(([name, files]) => ({ name, message: `Only ${files.join(' and ')} may use it.` }));
  return {
    'no-restricted-globals': ['error', { checkGlobalObject: true, globals: [...forbidden, ...elsewhere] }],
  };
}

const syntax = [
  { selector: 'ImportExpression', message: 'Bundlers and the rules of imports cannot see through it.' },
  { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  { selector: 'ExportAllDeclaration', message: 'Name every export.' },
  {
    selector: 'VariableDeclarator[init.name="globalThis"]',
    message: 'Write globalThis.name: some globals are restricted.',
  },
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'Virtual time does not see it: use the now() of a scheduler.',
  },
];
const forkJoin = { selector: 'Identifier[name="forkJoin"]', message: 'Only lib/core/aggregate.ts may use forkJoin.' };

const specSyntax = [
  {
    selector:
      'CallExpression[callee.object.name=/^(describe|context|suite|it|specify|test)$/][callee.property.name=/^(only|skip)$/]',
    message: 'Run the spec or delete it.',
  },
  { selector: 'CallExpression[callee.name=/^x(describe|context|it|specify)$/]', message: 'Run the spec or delete it.' },
  {
    selector: 'CallExpression[callee.object.type="ThisExpression"][callee.property.name=/^(retries|skip)$/]',
    message: 'Make the spec pass every time, without retries.',
  },
  {
    selector: 'CallExpression[callee.name=/^set(Timeout|Interval)$/][arguments.length>1]',
    message: 'Do not sleep: use marbles, or wait for the event itself.',
  },
  {
    selector: 'CallExpression[callee.property.name=/^set(Timeout|Interval)$/][arguments.length>1]',
    message: 'Do not sleep: use marbles, or wait for the event itself.',
  },
];

export default defineConfig(
  globalIgnores(['**/dist/', 'coverage/', 'reports/', '.stryker-tmp/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  { plugins: { local: { rules: { 'plain-words': plainWords } } }, rules: { 'local/plain-words': 'error' } },
  {
    files: ['**/*.{ts,tsx}'],
    ignores: ['bench/**'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked, rxjsX.configs.strict],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-invalid-void-type': 'off', // a service without an input has the input `void`
      'rxjs-x/finnish': 'off',
      'rxjs-x/throw-error': ['error', { allowThrowingUnknown: true }],
      'rxjs-x/no-ignored-error': 'off', // it would require empty handlers for sources that cannot error
    },
  },

  {
    files: ['lib/**/*.ts'],
    rules: {
      ...globalsIn(),
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Virtual time does not see it: use the now() of a scheduler.' },
        { object: 'AbortSignal', property: 'timeout', message: 'Virtual time does not see it: use timer().' },
        { object: 'AbortSignal', property: 'any', message: 'It leaks on long-lived signals: use onAbort().' },
      ],
      'no-restricted-syntax': ['error', ...syntax, forkJoin],
      'no-console': 'error',
    },
  },
  { files: ['lib/core/aggregate.ts'], rules: { 'no-restricted-syntax': ['error', ...syntax] } },
  // winston's own types have unsafe instances.
  { files: ['lib/observe/winston.ts'], rules: { '@typescript-eslint/no-unsafe-class-instance-assignment': 'off' } },
  Object.values(allowedGlobals)
    .flat()
    .map((file) => ({ files: [file], rules: globalsIn(file) })),
  rooms,

  {
    files: ['spec/**/*.ts', 'example/*/spec/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      'rxjs-x/no-ignored-default-value': 'off',
      // Specs know their values, and misuse the API on purpose.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'rxjs-x/no-implicit-any-catch': 'off',
      'rxjs-x/no-subject-unsubscribe': 'off',
      'rxjs-x/throw-error': 'off',
      'no-restricted-syntax': ['error', ...specSyntax],
      'no-restricted-imports': ['error', 'timers/promises', 'node:timers/promises', 'timers', 'node:timers'],
    },
  },
  {
    files: ['example/**/*.{ts,tsx}', 'bench/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [{ regex: '(^|/)(lib|dist)/', message: "Import an entry point, such as 'forkfast', as users do." }],
        },
      ],
    },
  },
  // The bench has packages of its own, which may not be installed here. `.ci/run` checks its types.
  { files: ['bench/**/*.ts'], extends: [tseslint.configs.strict, tseslint.configs.stylistic] },
  {
    // These examples have packages of their own. Their `npm test` runs the linter here, after the packages are installed.
    files: ['example/{recipes,cluster}/**/*.{ts,tsx}'],
    rules: {
      'rxjs-x/no-ignored-default-value': 'off', // an aggregate emits a value or errors
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off', // the frameworks' own types
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        AbortController: 'readonly',
        console: 'readonly',
        performance: 'readonly',
        process: 'readonly',
        setTimeout: 'readonly',
        URL: 'readonly',
      },
    },
  },
  { files: ['**/*.cjs'], languageOptions: { globals: { require: 'readonly', module: 'writable' } } },
);
