// Links from the README and the guides to files that are not documents, such as sources and specs.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, relative } from 'node:path';
import { DocumentReflection } from 'typedoc';
import { addressOf } from '../repository.mjs';

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** The group of the pages that show a file. */
export const SOURCES = 'Source files';

/**
 * Links to files that are not documents lead to the repository. If package.json names no repository, they lead to a page of the
 * site that shows the file.
 */
export function linkSources(project, languages) {
  const files = project.files;
  const elsewhere = new Set();
  for (const part of partsOf(project)) {
    if (part.kind !== 'relative-link' || typeof part.target !== 'number') continue;
    const path = files.resolve(part.target, project);
    if (typeof path !== 'string' || isImage(path)) continue;
    const source = relative('.', path);
    const address = addressOf(manifest, source);
    if (address === undefined) files.registerReflection(path, sourceDocument(project, path, source, languages));
    else {
      elsewhere.add(path);
      Object.assign(part, { kind: 'text', text: address + (part.targetAnchor ? `#${part.targetAnchor}` : '') });
    }
  }
  // TypeDoc copies all linked files that belong to no page.
  for (const path of elsewhere) files.registerReflectionPath(path, project);
}

/** The Markdown of the README, the documents and the doc comments. */
function* partsOf(project) {
  yield* project.readme ?? [];
  for (const reflection of Object.values(project.reflections)) {
    if (reflection.isDocument()) yield* reflection.content;
    yield* reflection.comment?.summary ?? [];
    for (const { content } of reflection.comment?.blockTags ?? []) yield* content;
  }
}

function sourceDocument(project, path, name, languages) {
  const content = [{ kind: 'code', text: markdownOf(path, name, languages) }];
  const document = new DocumentReflection(name, project, content, { group: SOURCES });
  project.addChild(document);
  project.registerReflection(document, undefined, path);
  return document;
}

/** A file in a code block, or the names in a folder. */
function markdownOf(path, name, languages) {
  if (statSync(path).isDirectory())
    return [`# ${name}/`, '', ...readdirSync(path).map((file) => `- ${file}`)].join('\n');
  const text = readFileSync(path, 'utf8');
  const fence = '`'.repeat(5);
  const extension = extname(name).slice(1);
  const language = languages.includes(extension) ? extension : 'text';
  return `# ${name}\n\n${fence}${language}\n${text}\n${fence}\n`;
}

function isImage(path) {
  return /\.(svg|png)$/.test(path);
}
