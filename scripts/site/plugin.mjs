// A plugin for TypeDoc, which makes one site of the README, the guides, the API and the live page.
//
// TypeDoc, and not VitePress with a Markdown plugin: it has navigation, search and link checks over guides and API together, a
// dark theme and highlighting, and it is installed for the API already.
import { Application, Converter, IndexEvent, JSX, PageEvent } from 'typedoc';
import { accessible } from './accessible.mjs';
import { writeLivePage } from './live-page.mjs';
import { codeInHeadings, nameDocument, nameModules } from './names.mjs';
import { SiteRouter, SiteTheme } from './navigation.mjs';
import { linkSources, SOURCES } from './sources.mjs';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.renderer.defineRouter('site', SiteRouter);
  app.renderer.defineTheme('site', SiteTheme);
  app.on(Application.EVENT_BOOTSTRAP_END, () => {
    app.options.setValue('router', 'site');
    app.options.setValue('theme', 'site');
    app.options.setValue('markdownItLoader', (parser) => parser.core.ruler.push('heading_code', codeInHeadings));
  });
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => nameDocument(document));
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    nameModules(project);
    linkSources(project, app.options.getValue('highlightLanguages'));
  });
  app.renderer.on(IndexEvent.PREPARE_INDEX, (event) => {
    event.searchResults = event.searchResults.filter((found) => found.frontmatter?.group !== SOURCES);
  });
  app.renderer.on(PageEvent.BEGIN, ({ model }) => {
    // TypeDoc writes the addresses of these links as they are, so each page needs its own.
    const links = app.options.getValue('navigationLinks');
    for (const name of Object.keys(links)) links[name] = app.renderer.router.baseRelativeUrl(model, 'live/index.html');
  });
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = accessible(page.contents);
  });
  app.renderer.hooks.on('head.end', () => script(openGuides));
  app.renderer.hooks.on('content.begin', ({ page }) =>
    page.url === 'index.html' ? liveLink() : JSX.createElement(JSX.Fragment, null),
  );
  app.renderer.postRenderAsyncJobs.push(({ outputDirectory }) => writeLivePage(outputDirectory));
}

/** The navigation shows the guides until the reader closes them. */
const openGuides = `localStorage.getItem('tsd-accordion-Guides') ?? localStorage.setItem('tsd-accordion-Guides', 'true');`;

function script(html) {
  return JSX.createElement('script', null, JSX.createElement(JSX.Raw, { html }));
}

function liveLink() {
  const link = JSX.createElement('a', { href: 'live/index.html' }, 'Run it in your browser');
  return JSX.createElement(
    'p',
    { class: 'live-link' },
    link,
    ': one service fails, and the request to the other one ends at once.',
  );
}
