// The addresses of the pages, and the navigation beside each of them.
import { relative } from 'node:path';
import { DefaultTheme, KindRouter, ReflectionKind } from 'typedoc';
import { SOURCES } from './sources.mjs';

/** The pages of documents have the paths of their files: `docs/errors.md` is `docs/errors.html`. */
export class SiteRouter extends KindRouter {
  getIdealBaseName(reflection) {
    if (!reflection.isDocument()) return super.getIdealBaseName(reflection);
    return pathOf(reflection).replace(/\.md$/, '');
  }
}

/** The navigation has no source files, and no link within the summary that opens a module: keyboards cannot reach such a link. */
export class SiteTheme extends DefaultTheme {
  buildNavigation(project) {
    return super
      .buildNavigation(project)
      .filter(({ text }) => text !== SOURCES)
      .map(withOverview);
  }
}

function withOverview({ path, children = [], ...node }) {
  if (children.length === 0) return { ...node, path };
  const overview = path === undefined ? [] : [{ text: 'Overview', path, kind: ReflectionKind.Document }];
  return { ...node, children: [...overview, ...children.map(withOverview)] };
}

/** The path of the file of a document, from the root of the repository. */
export function pathOf(document) {
  return relative('.', document.project.files.getReflectionPath(document));
}
