// @ts-check
import { defineConfig, globalIgnores } from 'eslint/config';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import rxjsX from 'eslint-plugin-rxjs-x';

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'docs/', 'etc/', '.stryker-tmp/', 'reports/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked, rxjsX.configs.strict],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-invalid-void-type': 'off', // `void` is how a service says that it takes no input
      'rxjs-x/finnish': 'off',
      'rxjs-x/no-ignored-error': 'off', // it wants an empty handler where a source cannot error
    },
  },
  {
    // Only lib/platform/*.node.ts may touch winston or Node built-ins: nothing Node-only reaches a browser.
    files: ['lib/**/*.ts'],
    ignores: ['lib/platform/*.node.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [{ group: ['winston', 'winston/*', 'node:*'], message: 'Node-only: use lib/platform/*.node.ts.' }],
        },
      ],
      'no-restricted-globals': [
        'error',
        'process',
        'Buffer',
        'global',
        'setImmediate',
        'require',
        '__dirname',
        '__filename',
      ],
      'no-console': 'error',
    },
  },
  { files: ['lib/platform/default-logger.console.ts'], rules: { 'no-console': 'off' } },
  { files: ['lib/platform/*.node.ts'], rules: { '@typescript-eslint/no-unsafe-class-instance-assignment': 'off' } }, // winston's own typings
  { files: ['scripts/**/*.mjs'], languageOptions: { globals: { console: 'readonly', process: 'readonly' } } },
  {
    files: ['spec/**/*.ts'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off', 'rxjs-x/no-ignored-default-value': 'off' },
  },
);
