// @ts-check
import { posix } from 'node:path';
import { defineConfig, globalIgnores } from 'eslint/config';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import rxjsX from 'eslint-plugin-rxjs-x';

/**
 * The house, from the ground up: a file imports from the floors below its own, and from none beside or above it. So there
 * are no cycles, and nothing imports `index.ts`.
 */
const floors = [
  ['check'],
  ['context', 'retry-budget'],
  ['errors/forkfast-error'],
  ['abort', 'errors/*', 'headers', 'relay', 'service', 'url'],
  ['scope'],
  ['events', 'from-abortable', 'operators/*'],
  ['deadline', 'response', 'sharing'],
  ['fetch', 'logging', 'per-run', 'single-flight'],
  ['options'],
  ['member'],
  ['run'],
  ['aggregate'],
  ['aggregate-each', 'aggregate-latest', 'user-aggregator'],
  ['index'],
  ['undici/body', 'undici/decoders', 'undici/dispatch-options'],
  ['undici/exchange'],
  ['undici'],
  // forkfast/testing stands on the house, and nothing of the house on it.
  ['testing/marble-lines', 'testing/request-of', 'testing/values', 'testing/virtual-time'],
  ['testing/watch/watched'],
  ['testing/watch/*'],
  ['testing/leak-watch', 'testing/marble-diff'],
  ['testing/marbles', 'testing/contexts', 'testing/record*', 'testing/fake-fetch', 'testing/expect-no-leaks'],
  ['testing/index'],
];

/** A wing: an entry point of its own, which stands on the floors up to `options`, and which no floor reaches. */
const opentelemetry = [['attributes', 'intervals', 'only'], ['metrics', 'tracing'], ['propagate-trace'], ['index']].map(
  (floor) => floor.map((file) => `opentelemetry/${file}`),
);

/**
 * What a file imports beside rxjs and the floors below.
 *
 * @type {Map<string, string | string[]>}
 */
const packages = new Map([
  ['errors/*', '@standard-schema/spec'],
  ['operators/*', '@standard-schema/spec'],
  ['options', '#default-logger'],
  ['scope', '#fan-out'],
  ['opentelemetry/*', '@opentelemetry/api'],
  ['platform/default-logger.node', 'winston'],
  ['platform/fan-out.node', 'node:events'],
  ['undici', 'undici'],
  ['undici/*', ['undici', 'node:stream', 'node:zlib']],
  ['waterfall', 'string-width'],
  ['testing/contexts', 'rxjs/testing'],
  ['testing/marbles', 'rxjs/testing'],
  ['testing/values', 'deep-eql'],
  ['testing/virtual-time', 'rxjs/testing'],
]);

const zones = [
  zone('**/*', [], 'A new file: give it a floor in eslint.config.js.'),
  ...storeys(floors),
  ...storeys(opentelemetry, floors.slice(0, floors.findIndex((floor) => floor.includes('options')) + 1).flat()),
  // The other wings: imported by condition, and by no path.
  zone('platform/default-logger.console', ['logging']),
  zone('platform/default-logger.node', ['logging']),
  zone('platform/fan-out.node', []),
  zone('platform/fan-out.web', []),
  // forkfast/report: an entry of its own, which the trunk does not reach.
  zone('timeline', ['errors/*', 'events']),
  zone('server-timing', ['errors/*', 'events', 'timeline']),
  zone('waterfall', ['check', 'errors/*', 'events', 'timeline']),
  zone('report', ['server-timing', 'waterfall']),
];

function storeys(/** @type {string[][]} */ floors, /** @type {string[]} */ ground = []) {
  return floors.flatMap((floor, level) =>
    floor.map((file) => zone(file, [...ground, ...floors.slice(0, level).flat()])),
  );
}

/** @returns {import('eslint').Linter.Config} */
function zone(
  /** @type {string} */ file,
  /** @type {string[]} */ below,
  message = `lib/${file}.ts stands on ${['rxjs', ...below].join(', ')}: see the floors in eslint.config.js.`,
) {
  const path = (/** @type {string} */ other) =>
    `./${posix.relative(posix.dirname(file), other)}.ts`.replace('./..', '..');
  const files = below.filter((other) => other !== 'index').map(path);
  const names = ['rxjs', packages.get(file) ?? packages.get(`${posix.dirname(file)}/*`) ?? [], files].flat();
  const allowed = names.map((name) => name.replaceAll('.', '\\.').replace('*', '[a-z-]+')).join('|');
  return {
    files: [`lib/${file}.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ regex: `^(?!(?:${allowed})$)`, message }] }] },
  };
}

/** One word has one home. */
const homes = {
  fetch: ['lib/fetch.ts'],
  AbortController: ['lib/abort.ts', 'lib/run.ts', 'lib/testing/contexts.ts', 'lib/testing/leak-watch.ts'],
  process: ['lib/platform/*.node.ts'],
};
const forkJoin = { selector: 'Identifier[name="forkJoin"]', message: 'Only lib/aggregate.ts says forkJoin.' };

/** The globals that no file may say, and of the words above those whose home is elsewhere. */
function globalsOutside(home = '') {
  const elsewhere = Object.entries(homes).filter(([, files]) => !files.includes(home));
  const clocks = [
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
    'requestAnimationFrame',
    'performance',
  ];
  const node = ['Buffer', 'global', 'require', '__dirname', '__filename'];
  return {
    checkGlobalObject: true,
    globals: [
      ...elsewhere.map(([name, files]) => ({ name, message: `Only ${files.join(' and ')} may say it.` })),
      ...clocks.map((name) => ({ name, message: 'Virtual time does not see it: use a scheduler of RxJS.' })),
      ...node.map((name) => ({ name, message: 'Node-only: lib runs in browsers too.' })),
    ],
  };
}

const syntax = [
  { selector: 'ImportExpression', message: 'Bundlers and the zones of imports cannot see through it.' },
  { selector: 'ExportDefaultDeclaration', message: 'Exports have names.' },
  { selector: 'ExportAllDeclaration', message: 'index.ts says every name that it exports.' },
  { selector: 'VariableDeclarator[init.name="globalThis"]', message: 'Say globalThis.name: some have one home.' },
  {
    selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
    message: 'Virtual time does not see it: use the now() of a scheduler.',
  },
];

const specSyntax = [
  {
    selector:
      'CallExpression[callee.object.name=/^(describe|context|suite|it|specify|test)$/][callee.property.name=/^(only|skip)$/]',
    message: 'Every spec runs, or is deleted.',
  },
  { selector: 'CallExpression[callee.name=/^x(describe|context|it|specify)$/]', message: 'Every spec runs.' },
  {
    selector: 'CallExpression[callee.object.type="ThisExpression"][callee.property.name=/^(retries|skip)$/]',
    message: 'A spec passes every time, the first time.',
  },
  {
    selector: 'CallExpression[callee.name=/^set(Timeout|Interval)$/][arguments.length>1]',
    message: 'No sleeping: use marbles, or wait for what is to happen.',
  },
  {
    selector: 'CallExpression[callee.property.name=/^set(Timeout|Interval)$/][arguments.length>1]',
    message: 'No sleeping: use marbles, or wait for what is to happen.',
  },
];

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'reports/', '.stryker-tmp/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    ignores: ['bench/**'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked, rxjsX.configs.strict],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-invalid-void-type': 'off', // `void` is how a service says that it takes no input
      'rxjs-x/finnish': 'off',
      'rxjs-x/throw-error': ['error', { allowThrowingUnknown: true }],
      'rxjs-x/no-ignored-error': 'off', // it wants an empty handler where a source cannot error
    },
  },

  // The house
  {
    files: ['lib/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', globalsOutside()],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Virtual time does not see it: use the now() of a scheduler.' },
        { object: 'AbortSignal', property: 'timeout', message: 'Virtual time does not see it: use timer().' },
        { object: 'AbortSignal', property: 'any', message: 'It leaks on long-lived signals: use aborted().' },
      ],
      'no-restricted-syntax': ['error', ...syntax, forkJoin],
      'no-console': 'error',
    },
  },
  { files: ['lib/aggregate.ts'], rules: { 'no-restricted-syntax': ['error', ...syntax] } },
  { files: ['lib/platform/*.console.ts'], rules: { 'no-console': 'off' } },
  { files: ['lib/platform/*.node.ts'], rules: { '@typescript-eslint/no-unsafe-class-instance-assignment': 'off' } }, // winston's own typings
  zones,
  Object.values(homes)
    .flat()
    .map((home) => ({ files: [home], rules: { 'no-restricted-globals': ['error', globalsOutside(home)] } })),

  // Around the house
  {
    files: ['spec/**/*.ts', 'example/recipes/spec/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unused-expressions': 'off',
      'rxjs-x/no-ignored-default-value': 'off',
      // Specs know what they get, and misuse things on purpose.
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
    files: ['example/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '(^|/)(lib|dist)/', message: "An example imports 'forkfast', as its reader would." }] },
      ],
    },
  },
  // Without types: those of its peers are there only when it is installed. `npm run bench:check` checks them.
  { files: ['bench/**/*.ts'], extends: [tseslint.configs.strict, tseslint.configs.stylistic] },
  {
    // Linted by `npm run recipes`, where its packages are.
    files: ['example/recipes/**/*.{ts,tsx}'],
    rules: {
      'rxjs-x/no-ignored-default-value': 'off', // an aggregate answers, or errors
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off', // the frameworks' own typings
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
