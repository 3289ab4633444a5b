// The mutation test runner asks Node to load mocha's configuration as it did before mocha 12.
const { _extensions } = require('node:module');
_extensions['.cjs'] ??= _extensions['.js'];
