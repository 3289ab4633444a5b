import { join } from 'node:path';
import ts from 'typescript';

export interface Compiled {
  /** The hover of an editor for the name behind each mark `/*?*\/`, in order. */
  readonly hovers: readonly string[];
  /** The messages of the errors, each with the text of the line that it is reported on. */
  readonly errors: readonly (readonly [line: string, message: string])[];
  /** The declarations that a package with this code would publish. */
  readonly declarations: string;
  /** How many types TypeScript instantiated. */
  readonly instantiations: number;
}

const { config } = ts.readConfigFile('tsconfig.json', (file) => ts.sys.readFile(file)) as { config: unknown };
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
/** Keeps the parsed files of the platform and of RxJS from one program to the next. */
const registry = ts.createDocumentRegistry();

/** Compiles `code` as a file of a package that imports `forkfast`. */
export function compile(code: string): Compiled {
  const file = join(process.cwd(), 'spec', 'compiled.ts');
  const read = (name: string): string | undefined => (name === file ? code : ts.sys.readFile(name));
  const service = ts.createLanguageService(
    {
      getCompilationSettings: () => ({ ...options, noEmit: false, declaration: true, types: [] }),
      getCurrentDirectory: () => process.cwd(),
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      getScriptFileNames: () => [file],
      getScriptSnapshot: (name) => {
        const text = read(name);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      getScriptVersion: (name) => (name === file ? code : ''), // the registry keeps a file until its version changes
      fileExists: (name) => name === file || ts.sys.fileExists(name),
      readFile: read,
    },
    registry,
  );
  const lines = code.split('\n');
  return {
    hovers: [...code.matchAll(/\/\*\?\*\/ /g)].map(({ 0: mark, index }) =>
      ts.displayPartsToString(service.getQuickInfoAtPosition(file, index + mark.length)?.displayParts),
    ),
    errors: service.getSemanticDiagnostics(file).map(({ start = 0, messageText }) => {
      const line = lines[code.slice(0, start).split('\n').length - 1] ?? '';
      return [line.trim(), ts.flattenDiagnosticMessageText(messageText, '\n')] as const;
    }),
    declarations: service
      .getEmitOutput(file, true, true)
      .outputFiles.map(({ text }) => text)
      .join('\n'),
    instantiations: service.getProgram()?.getInstantiationCount() ?? NaN,
  };
}
