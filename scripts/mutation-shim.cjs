// Stryker loads the configuration of mocha as mocha 11 did, and expects this extension.
const { _extensions } = require('node:module');
_extensions['.cjs'] ??= _extensions['.js'];
