import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { format } from 'node:util';
import { compileFunction } from 'node:vm';
import { expect } from 'chai';
import { firstValueFrom, race, timer } from 'rxjs';
import { REGISTER_INSTANCE } from 'ts-node';
import ts from 'typescript';
import manifest from '../package.json' with { type: 'json' };
import { deferred } from './support/servers.ts';

/**
 * An example of the documentation: a block fenced as `ts` in a doc comment of `lib/`, in the README or in `docs/`.
 *
 * The spec checks the types of each example, and runs it as a program that imports 'forkfast' as users do. The lines that it
 * passes to `console.log` must equal its comments: `// => …`, which `//    …` continues on the next line. The spec does not run a
 * block fenced as `ts ignore`, nor the example of a test runner (`ts mocha`), which spec/testing/runners runs.
 */
interface Block {
  readonly file: string;
  readonly name: string;
  readonly line: number;
  readonly code: string;
  readonly ignored: boolean;
}

interface Doc {
  readonly name: string;
  readonly line: number;
  readonly text: string;
}

const sources = readdirSync('lib', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('lib', file));
const pages = [
  'README.md',
  ...(existsSync('docs') ? readdirSync('docs').map((file) => join('docs', file)) : []),
].filter((file) => file.endsWith('.md') && existsSync(file));

/** Words that give the unit of a number. */
const units =
  /milliseconds|bytes|integer|status|ratio|factor|number of|many|often|at the most|cells|apart|from 0 up to 1|\bid\b/i;

const isInput = (node: ts.Node): node is ts.ParameterDeclaration =>
  ts.isParameter(node) && !ts.isFunctionTypeNode(node.parent);

/** Returns the numbers in the declaration of `name`, with the comments that describe them, or `''` if there are none. */
function numbersOf(file: string, name: string): readonly (readonly [string, string])[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const visit = (node: ts.Node, outer: string): readonly (readonly [string, string])[] => {
    if (ts.isBlock(node) || ts.isConstructorDeclaration(node)) return []; // an error's fields say what its options mean
    const own = ts.getJSDocCommentsAndTags(node).map((doc) => doc.getText(source));
    const comments = [outer, ...own].join('\n');
    const inside = node.getChildren(source).flatMap((child) => visit(child, comments));
    const declared = ts.isPropertySignature(node) || ts.isPropertyDeclaration(node) || isInput(node);
    if (!declared || !/^number\b/.test(node.type?.getText(source) ?? '')) return inside;
    const number = node.name.getText(source);
    return [[number, own.length > 0 || comments.includes(`\`${number}\``) ? comments : '']];
  };
  const named = (node: ts.Node): boolean => (node as ts.DeclarationStatement).name?.getText(source) === name;
  return source.statements.filter(named).flatMap((statement) => visit(statement, ''));
}

/** Returns the doc comments of a source file. Names of members include their class: `UserAggregator.aggregate`. */
function docsOf(file: string): readonly Doc[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const docs: Doc[] = [];
  const visit = (node: ts.Node, outer: string): void => {
    const declared = ts.isVariableStatement(node)
      ? node.declarationList.declarations[0]
      : (node as ts.NamedDeclaration);
    const name = [outer, declared?.name?.getText(source)].filter(Boolean).join('.');
    for (const doc of ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)) {
      docs.push({
        name,
        line: source.getLineAndCharacterOfPosition(doc.getStart(source)).line,
        text: doc.getText(source).replace(/^ *\* ?/gm, ''),
      });
    }
    if (ts.isSourceFile(node) || ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) {
      ts.forEachChild(node, (child) => {
        visit(child, name);
      });
    }
  };
  visit(source, '');
  return docs;
}

function blocksOf(file: string, { name, line, text }: Doc): readonly Block[] {
  return [...text.matchAll(/^```ts( [\w:]+)?\n(.*?)^```$/gms)].map(({ 1: ignored, 2: code = '', index }) => ({
    file,
    name,
    line: line + text.slice(0, index).split('\n').length,
    code,
    ignored: ignored !== undefined,
  }));
}

const spaced = (text: string): string => text.replace(/\s+/g, ' ').trim();

function expectedOf(code: string): readonly string[] {
  return [...code.matchAll(/\/\/ => (.*(?:\n *\/\/ {4}.*)*)/g)].map(([, text = '']) =>
    spaced(text.replace(/\n *\/\//g, ' ')),
  );
}

const fileNameOf = ({ file, line }: Block): string => resolve(file.replace(/\.\w+$/, `.example-${String(line)}.ts`));

/** Returns the type errors of each block. All blocks are in one program, since a program takes seconds. */
function problemsOf(blocks: readonly Block[]): (block: Block) => readonly string[] {
  const files = new Map(blocks.map((block) => [fileNameOf(block), block.code]));
  const { config } = ts.readConfigFile('tsconfig.json', (file) => ts.sys.readFile(file)) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram([...files.keys()], options, {
    ...host,
    fileExists: (file) => files.has(file) || host.fileExists(file),
    readFile: (file) => files.get(file) ?? host.readFile(file),
    getSourceFile: (file, language) => {
      const code = files.get(file);
      return code === undefined ? host.getSourceFile(file, language) : ts.createSourceFile(file, code, language);
    },
  });
  return (block) => {
    const source = program.getSourceFile(fileNameOf(block));
    const problems = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  };
}

/** The program runs in an async function, since it may have an `await` at its top level. */
function compile(block: Block): (console: unknown) => Promise<void> {
  const fileName = fileNameOf(block);
  const program = process[REGISTER_INSTANCE]?.compile(block.code, fileName) ?? '';
  const body = `return (async () => { ${program}\n})()`;
  const run = compileFunction(body, ['exports', 'require', 'console'], { filename: fileName }) as (
    ...args: unknown[]
  ) => Promise<void>;
  return (console) => run({}, createRequire(fileName), console);
}

describe('Every example', function () {
  this.timeout(30_000);
  const blocks = [
    ...sources.flatMap((file) => docsOf(file).flatMap((doc) => blocksOf(file, doc))),
    ...pages.flatMap((file) => blocksOf(file, { name: '', line: 0, text: readFileSync(file, 'utf8') })),
  ];
  let problems: ReturnType<typeof problemsOf>;
  before(() => {
    problems = problemsOf(blocks);
  });
  for (const block of blocks) {
    it(`prints its comments: ${block.file}:${String(block.line)} ${block.name}`, async () => {
      expect(problems(block)).to.deep.equal([]);
      const run = compile(block);
      if (block.ignored) return;
      const expected = expectedOf(block.code);
      const lines: string[] = [];
      const complete = deferred();
      const log = (...args: unknown[]): void => {
        lines.push(spaced(format(...args)));
        if (lines.length >= expected.length) complete.resolve();
      };
      const ended = run({ ...console, log });
      if (expected.length === 0) complete.resolve();
      await firstValueFrom(race(Promise.all([ended, complete.promise]), timer(5_000)));
      expect(lines).to.deep.equal(expected);
    });
  }
});

describe('Every export', () => {
  for (const entry of Object.values(manifest.exports).flatMap((entry) => (typeof entry === 'string' ? [] : entry))) {
    const index = entry['forkfast:source'];
    const source = ts.createSourceFile(index, readFileSync(index, 'utf8'), ts.ScriptTarget.Latest);
    for (const statement of source.statements) {
      if (!ts.isExportDeclaration(statement) || !statement.exportClause || !statement.moduleSpecifier) continue;
      if (!ts.isNamedExports(statement.exportClause) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
      const file = join(dirname(index), statement.moduleSpecifier.text);
      const { elements } = statement.exportClause;
      const value = !statement.isTypeOnly;
      for (const { text: name } of elements.map((element) => element.name)) {
        it(`has a doc comment${value ? ' with an example' : ''}: ${name}`, () => {
          const docs = docsOf(file).filter((doc) => doc.name === name);
          expect(docs).to.have.length.above(0);
          if (value) expect(docs.map(({ text }) => text).join()).to.contain('@example\n```ts\n');
          for (const [number, comment] of numbersOf(file, name))
            expect(comment, `the unit of ${number}`).to.match(units);
        });
      }
    }
  }
});
