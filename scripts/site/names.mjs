// The names of modules, guides and headings.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ReflectionKind } from 'typedoc';
import { pathOf } from './navigation.mjs';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** An entry point has the name that users import. */
export function nameModules(project) {
  const names = new Map(
    Object.entries(manifest.exports).map(([entry, { 'forkfast:source': source }]) => [
      source,
      manifest.name + entry.slice(1),
    ]),
  );
  for (const module of project.getChildrenByKind(ReflectionKind.Module)) {
    const { fileName } = project.getSymbolIdFromReflection(module);
    const name = names.get(`./${relative('.', fileName)}`);
    if (name !== undefined) module.name = name;
  }
}

/** The navigation shows the heading of a document. A front matter may have another `title`, and a `group`. */
export function nameDocument(document) {
  const text = document.content.map((part) => part.text).join('');
  const heading = /^# (.+)$/m.exec(text)?.[1];
  if (heading !== undefined && !('title' in document.frontmatter)) document.name = heading.replaceAll('`', '');
  document.frontmatter.group ??= pathOf(document).startsWith('docs/') ? 'Guides' : 'The project';
}

/** TypeDoc leaves code out of the anchor of a heading, and GitHub does not. So the code becomes a text within a `code` element. */
export function codeInHeadings({ tokens, Token }) {
  const headings = tokens.filter((_, index) => tokens[index - 1]?.type === 'heading_open');
  for (const heading of headings) {
    heading.children = heading.children.flatMap((child) => {
      if (child.type !== 'code_inline') return child;
      const text = Object.assign(new Token('text', '', 0), { content: child.content });
      return [new Token('code_open', 'code', 1), text, new Token('code_close', 'code', -1)];
    });
  }
}
