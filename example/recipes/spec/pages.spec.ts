import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { launch } from '../../../scripts/chromium.mjs';
import { closeServers } from '../../../spec/support/servers.ts';
import { bundle } from './support/bundle.ts';
import { startUpstream, type Upstream } from './support/upstream.ts';

const entries = {
  React: 'page/react.tsx',
  Angular: 'node_modules/.cache/page/page/angular.js', // compiled by `ngc`
  Vue: 'page/vue.ts',
  Svelte: 'page/svelte.ts',
};
const fillIn = {
  React: 'page/fill-in.react.tsx',
  Angular: 'node_modules/.cache/page/page/fill-in.angular.js',
};
const html = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Recipe</title>
  <div id="app"></div><script type="module" src="/script.js"></script>`;

describe('recipe on a page:', function () {
  this.timeout(20_000); // less than the timeout of a run, which closes connections too
  let browser: Browser;
  before(async function () {
    this.timeout(60_000); // the first launch unpacks Chromium
    browser = await launch();
  });
  after(() => browser.close());

  let upstream: Upstream;
  let page: Page;
  let errors: Error[];

  const type = (id: string): Promise<void> => page.getByLabel('User').fill(id);
  const shown = (text: string): Promise<void> => page.getByText(text).waitFor();

  /** Opens the page before each test. */
  const open = (entry: string): void => {
    let script: string;
    before(async () => {
      script = await bundle(entry);
    });
    beforeEach(async () => {
      upstream = await startUpstream((request, response) => {
        const isScript = request.url === '/script.js';
        response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html').end(isScript ? script : html);
      });
      page = await browser.newPage();
      errors = [];
      page.on('pageerror', (error) => errors.push(error));
      await page.goto(upstream.url);
    });
    afterEach(async () => {
      await closeServers();
      await page.close();
      expect(errors).to.deep.equal([]);
    });
  };

  for (const [name, entry] of Object.entries(entries)) {
    describe(name, () => {
      open(entry);

      it('calls the services on mounting, and shows the answer', async () => {
        await type('42');
        await shown('Alice has 5 orders');
      });

      it('cancels the run when it is unmounted', async () => {
        await type('slow');
        await shown('Loading');
        await upstream.received('opened /profiles/slow', 'opened /orders/slow');
        await type('');
        await upstream.received('abandoned /profiles/slow', 'abandoned /orders/slow');
        expect(await page.getByText('Loading').count()).to.equal(0);
      });

      it('cancels the run and starts another when its input changes', async () => {
        await type('42');
        await shown('Alice has 5 orders');
        await type('slow');
        await shown('Loading');
        await upstream.received('opened /profiles/slow', 'opened /orders/slow');
        await type('42');
        await upstream.received('abandoned /profiles/slow', 'abandoned /orders/slow');
        await shown('Alice has 5 orders');
      });

      it('shows the error, and cancels the other service', async () => {
        await type('broken');
        expect(await page.getByRole('alert').textContent()).to.equal('This page is not available now.');
        await upstream.received('abandoned /orders/broken');
      });
    });
  }

  for (const [name, entry] of Object.entries(fillIn)) {
    describe(`that fills in: ${name}`, () => {
      open(entry);

      it('shows each part when it has come', async () => {
        await type('partial');
        await shown('Alice');
        await shown('Loading orders');
        await upstream.received('opened /orders/partial');
        upstream.answer('/orders/partial');
        await shown('5 orders');
      });

      it('cancels the pending service when it is unmounted', async () => {
        await type('partial');
        await shown('Alice');
        await type('');
        await upstream.received('abandoned /orders/partial');
        expect(await page.getByText('Alice').count()).to.equal(0);
      });

      it('shows the other parts if an optional service fails', async () => {
        await type('poor');
        await shown('Alice');
        await shown('No orders now');
      });

      it('shows the error of any other service, and cancels the rest', async () => {
        await type('broken');
        expect(await page.getByRole('alert').textContent()).to.equal('This page is not available now.');
        await upstream.received('abandoned /orders/broken');
      });
    });
  }
});
