// `npm run docs` builds the site, and then runs these specs. `npm test` does not, because it has no site.
import { serveStatic } from '@hono/node-server/serve-static';
import { expect } from 'chai';
import { Hono } from 'hono';
import { readdirSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { type Env, serve } from '../../example/dashboard/app.ts';
import type { ListeningServer } from '../../example/shared/http.ts';
import { launch } from '../../scripts/chromium.mjs';
import { appears, look } from '../support/page.ts';

const root = 'reports/site';

describe('site', function () {
  this.timeout(60_000);

  let browser: Browser;
  let server: ListeningServer;
  before(async () => {
    const app = new Hono<Env>();
    app.use(serveStatic({ root }));
    [browser, server] = await Promise.all([launch(), serve(app, 0, 0)]);
  });
  after(async () => {
    await browser.close();
    await server.close();
  });

  /** Errors of pages, and requests to other machines or for files that the site does not have. */
  const problems: string[] = [];
  const open = async (path: string, width = 1_600): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width, height: 1_000 } });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('response', (response) => {
      if (response.status() >= 400) problems.push(response.url());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(server.url) && !/^(data|blob):/.test(request.url())) problems.push(request.url());
    });
    page.setDefaultTimeout(10_000);
    await page.goto(`${server.url}/${path}`);
    return page;
  };
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    expect(problems.splice(0)).to.deep.equal([]);
  });

  const documents = readdirSync(`${root}/docs`).map((file) => `docs/${file}`);

  for (const path of ['index.html', 'docs/errors.html', 'functions/forkfast.aggregate.html', 'live/index.html']) {
    it(`is accessible in light and dark, on a wide screen and on a phone: ${path}`, async () => {
      const page = await open(path);
      await appears(page, path.startsWith('live') ? '#result:not(:empty)' : '.tsd-navigation a.current, .site-menu a');
      await look(page, `reports/site-pictures/${path.replaceAll('/', '-').replace('.html', '')}`);
    });
  }

  it('fits each guide and its navigation on a phone', async () => {
    const page = await open('index.html', 390);
    for (const path of [...documents, 'modules.html', 'CHANGELOG.html']) {
      await page.goto(`${server.url}/${path}`);
      await appears(page, '.site-menu a');
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).to.equal(390);
    }
  });

  it('shows every guide in the navigation of the start page, by its heading', async () => {
    const page = await open('index.html');
    await appears(page, '.site-menu a', '^Errors$');
    const shown = page.locator('.site-menu li:has(> details > summary[data-key="Guides"]) ul a');
    const links = await shown.evaluateAll((links) => links.map((link) => link.getAttribute('href')?.replace('./', '')));
    expect(links).to.have.members(documents);
    expect(await shown.first().isVisible()).to.equal(true);
  });

  it('finds guides and exports', async () => {
    const page = await open('index.html');
    for (const [query, found] of [
      ['errgroup', 'docs/migrating.html'],
      ['fetchResponse', 'functions/forkfast.fetchResponse.html'],
    ] as const) {
      await page.getByRole('button', { name: 'Search' }).click();
      await page.getByRole('combobox').fill(query);
      await page.locator(`#tsd-search-results a[href*="${found}"]`).first().waitFor();
      await page.keyboard.press('Escape');
    }
  });

  describe('live page', () => {
    const rows = async (page: Page, list: string): Promise<string[]> =>
      (await page.locator(`${list} li`).allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ' '));

    /** Opens the live page with a clock that stands still. */
    const openLive = async (): Promise<Page> => {
      const page = await open('live/index.html');
      await page.clock.install({ time: 0 });
      await page.clock.pauseAt(1_000);
      await page.reload();
      await appears(page, '#result:not(:empty)');
      return page;
    };

    it('has the theme that the reader has chosen on another page', async () => {
      const page = await open('index.html');
      await page.evaluate(() => {
        localStorage.setItem('tsd-theme', 'dark');
      });
      await page.goto(`${server.url}/live/index.html`);
      expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).to.equal('rgb(13, 17, 23)');
    });

    it('fails the Domino Effect at once, and abandons the request for the orders at once', async () => {
      const page = await openLive();
      await page.getByRole('button', { name: 'Domino Effect' }).click();
      await page.clock.runFor(20); // a timer of 0 ms, and a frame
      await appears(page, '#requests li', 'closed by the client');
      expect(await page.getByRole('status').innerText()).to.equal(
        'profile: HTTP 500 from GET https://profile.test/profiles/42',
      );
      expect(await rows(page, '#bars')).to.deep.equal([
        'dashboard failed, 0 ms',
        'profile failed, 0 ms',
        'orders canceled, 0 ms',
      ]);
      expect(await rows(page, '#requests')).to.deep.equal([
        'Profile answered 500 at 0 ms',
        'Order closed by the client at 0 ms',
      ]);
    });

    it('ends Slow Poke after exactly one second', async () => {
      const page = await openLive();
      await page.getByRole('button', { name: 'Slow Poke' }).click();
      await page.clock.runFor(999);
      expect(await page.locator('#result').getAttribute('data-state')).to.equal('running');
      await page.clock.runFor(1);
      await appears(page, '#result[data-state="late"]');
      expect(await page.getByRole('status').innerText()).to.equal(
        'context deadline exceeded after 1000 ms, pending: orders',
      );
      expect(await rows(page, '#requests')).to.deep.equal([
        'Profile answered 200 at 200 ms',
        'Order closed by the client at 1000 ms',
      ]);
    });
  });
});
