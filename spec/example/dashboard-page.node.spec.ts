import { expect } from 'chai';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { filter, firstValueFrom, map, merge, take, toArray } from 'rxjs';
import type { Activity } from '../../example/dashboard/activity.ts';
import { bundlePage } from '../../example/dashboard/page.ts';
import { type Servers, startServers } from '../../example/dashboard/start-servers.ts';
import { launch } from '../../scripts/chromium.mjs';
import { appears, look, measure, measured } from '../support/page.ts';

describe('example: the page', function () {
  this.timeout(60_000);

  let browser: Browser;
  let servers: Servers;
  before(async () => {
    [browser, servers] = await Promise.all([launch(), startServers({ timeout: 30_000, page: bundlePage })]);
  });
  after(async () => {
    await browser.close();
    await servers.close();
  });

  /** The errors of the page, and the requests that it sent to other machines. */
  const problems: string[] = [];
  const open = async (options: BrowserContextOptions = {}): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 1_600, height: 1_000 }, ...options });
    page.on('pageerror', (error) => problems.push(String(error)));
    page.on('console', (message) => {
      const failedOnPurpose = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !failedOnPurpose) problems.push(message.text());
    });
    page.on('request', (request) => {
      if (!/^(http:\/\/127\.0\.0\.1:|data:)/.test(request.url())) problems.push(request.url());
    });
    page.setDefaultTimeout(10_000);
    await page.addInitScript(measure);
    await page.goto(servers.dashboard.url);
    await appears(page, '#result:not(:empty)');
    return page;
  };
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    expect(problems.splice(0)).to.deep.equal([]);
  });

  /** Resolves with the services of the next `count` activities of this type. */
  const next = (type: Activity['type'], count = 2): Promise<string[]> =>
    firstValueFrom(
      merge(servers.profile.activity, servers.orders.activity).pipe(
        filter((activity) => activity.type === type),
        map(({ service }) => service),
        take(count),
        toArray(),
      ),
    );

  const result = (page: Page): Locator => page.getByRole('status');
  const rows = async (page: Page, list: string): Promise<string[]> => {
    const items = await page.getByRole('list', { name: list, exact: true }).getByRole('listitem').all();
    const texts = items.map(
      async (item) => `${String(await item.getAttribute('data-state'))}: ${await item.innerText()}`,
    );
    return (await Promise.all(texts)).map((text) => text.replaceAll(/\s+/g, ' '));
  };
  /** Resolves when the run is in that state. */
  const until = (page: Page, state: string): Promise<void> => appears(page, `#result[data-state="${state}"]`);
  /** Resolves when a request has that text. The page receives the activity of the services a moment later. */
  const request = (page: Page, text: string): Promise<void> => appears(page, '#requests li', text);

  const ms = String.raw`\d+ ms`;
  const presets = [
    {
      name: 'Happy',
      text: /^User: Alice \| Orders: 5$/,
      state: 'ok',
      run: [`ok: dashboard ok, ${ms}`, `ok: profile ok, ${ms}`, `ok: orders ok, ${ms}`],
      requests: [`ok: Profile answered 200 at ${ms}`, `ok: Order answered 200 at ${ms}`],
      log: 'run succeeded',
    },
    {
      name: 'Slow Poke',
      problem: /^The deadline passed before orders answered\.$/,
      text: /^context deadline exceeded after \d+ ms, pending: orders$/,
      state: 'late',
      run: [`late: dashboard deadline exceeded, ${ms}`, `ok: profile ok, ${ms}`, `canceled: orders canceled, ${ms}`],
      requests: [`ok: Profile answered 200 at ${ms}`, `canceled: Order closed by the client at ${ms}`],
      log: 'deadline exceeded',
    },
    {
      name: 'Domino Effect',
      problem: /^The service profile failed\.$/,
      text: /^profile: HTTP 500 from GET http:\/\/127\.0\.0\.1:\d+\/profiles\/42$/,
      state: 'failed',
      run: [`failed: dashboard failed, ${ms}`, `failed: profile failed, ${ms}`, `canceled: orders canceled, ${ms}`],
      requests: [`failed: Profile answered 500 at ${ms}`, `canceled: Order closed by the client at ${ms}`],
      log: 'run failed',
    },
    {
      name: 'Caller cancels',
      text: /^context canceled$/,
      state: 'canceled',
      run: [`canceled: dashboard canceled, ${ms}`, `ok: profile ok, ${ms}`, `canceled: orders canceled, ${ms}`],
      requests: [`ok: Profile answered 200 at ${ms}`, `canceled: Order closed by the client at ${ms}`],
      log: 'service succeeded',
    },
  ];

  for (const via of ['this page', 'the backend']) {
    for (const { name, text, problem, state, run, requests, log } of presets) {
      it(`shows ${name}, run in ${via}`, async () => {
        const page = await open();
        await page.getByRole('radio', { name: via }).check();
        await page.getByRole('button', { name }).click();
        await until(page, state);
        for (const row of requests) await request(page, row.replace(/^\w+: /, ''));

        // The backend sends a problem, which holds no text of the upstream.
        const expected = via === 'the backend' ? (problem ?? text) : text;
        expect(await result(page).innerText()).to.match(expected);
        const shown = [...(await rows(page, 'The services of the run')), ...(await rows(page, 'Requests'))];
        for (const [index, row] of [...run, ...requests].entries()) {
          expect(shown[index]).to.match(new RegExp(`^${row}$`));
        }
        expect(shown).to.have.length(run.length + requests.length);
        await appears(page, '#log li', log);
        expect((await measured(page)).shifted).to.deep.equal([]);
        if (via === 'this page') await look(page, `reports/dashboard/${name.toLowerCase().replace(' ', '-')}`);
      });
    }
  }

  /** Sets controls by their names on the page. */
  const set = async (page: Page, group: string, controls: Record<string, string>): Promise<void> => {
    for (const [name, value] of Object.entries(controls)) {
      const control = page.getByRole('group', { name: group }).getByLabel(name);
      if (name === 'Outcome') await control.selectOption(value);
      else await control.fill(value);
    }
  };
  const hanging = async (page: Page): Promise<void> => {
    await set(page, 'Profile service', { Outcome: 'hang' });
    await set(page, 'Order service', { Outcome: 'hang' });
    await set(page, 'The caller', { 'Timeout, ms': '60000' });
  };

  it('draws a bar that grows while its service runs, and a torn bar for a canceled service', async () => {
    const page = await open();
    await hanging(page);
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    const bar = page.locator('#bars li:last-child .bar');
    const width = await bar.evaluate((bar) => bar.getBoundingClientRect().width);
    const grown = (width: number): boolean => {
      const bar = document.querySelector('#bars li:last-child .bar');
      return bar !== null && bar.getBoundingClientRect().width > width;
    };
    await page.waitForFunction(grown, width);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await appears(page, '#bars li:last-child[data-state="canceled"]');
    expect(await result(page).innerText()).to.equal('context canceled');
    const { backgroundImage, clipPath } = await bar.evaluate((bar) => {
      const { backgroundImage, clipPath } = getComputedStyle(bar);
      return { backgroundImage, clipPath };
    });
    expect(backgroundImage).to.match(/^repeating-linear-gradient/);
    expect(clipPath).to.match(/^polygon/);
  });

  it('draws the deadline as a line across the bars', async () => {
    const page = await open();
    await hanging(page);
    await set(page, 'The caller', { 'Timeout, ms': '400' });
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await until(page, 'late');
    expect(await page.getByText(/^Deadline:/).innerText()).to.equal('Deadline: 400 ms, the line across the bars.');
    const [run = '', profile, orders] = await rows(page, 'The services of the run');
    expect(run).to.match(/^late/);
    expect([profile, orders].join()).to.match(/^canceled.*canceled/);
    expect(await result(page).innerText()).to.match(
      /^context deadline exceeded after \d+ ms, pending: profile, orders$/,
    );
  });

  it('cancels the run when the user types another key', async () => {
    const page = await open();
    await hanging(page);
    const id = page.getByLabel('User id');
    await id.clear();
    expect(await result(page).innerText()).to.equal('id: expected a positive integer');
    const first = next('received');
    await id.press('4');
    await first;
    const [abandoned, second] = [next('abandoned'), next('received')];
    await id.press('2');
    expect(await abandoned).to.have.members(['Profile service', 'Order service']);
    await second;
    expect(await id.inputValue()).to.equal('42');
    expect(await result(page).getAttribute('data-state')).to.equal('running');
  });

  for (const via of ['this page', 'the backend']) {
    it(`cancels the run in ${via} when the user leaves the page`, async () => {
      const page = await open();
      await hanging(page);
      await page.getByRole('radio', { name: via }).check();
      const [received, abandoned] = [next('received'), next('abandoned')];
      await page.getByRole('button', { name: 'Call', exact: true }).click();
      await received;
      await page.goto('about:blank');
      expect(await abandoned).to.have.members(['Profile service', 'Order service']);
    });
  }

  it('shows each attempt of a retry and of a hedge', async () => {
    const page = await open();
    await set(page, 'Profile service', { 'Latency, ms': '0', Outcome: 'reset' });
    await set(page, 'Order service', { 'Latency, ms': '60000' });
    await set(page, 'The caller', { 'Timeout, ms': '60000', Retries: '1', 'Hedge after, ms': '0' });
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await until(page, 'failed');
    expect(await result(page).innerText()).to.match(/^profile: no answer from GET http:\S+\/profiles\/42$/);
    await appears(page, '#requests li[data-state="canceled"] ~ li[data-state="canceled"]');
    const requests = await rows(page, 'Requests');
    const count = (start: string): number => requests.filter((row) => row.startsWith(start)).length;
    expect(count('failed: Profile reset by the service at')).to.be.at.least(4); // browsers repeat a request once, on a fresh connection
    expect(count('canceled: Order closed by the client at')).to.equal(2);
  });

  it('waits for a slow body', async () => {
    const page = await open();
    await set(page, 'Profile service', { 'Latency, ms': '0' });
    await set(page, 'Order service', { 'Latency, ms': '0', Outcome: 'slow body' });
    await set(page, 'The caller', { 'Timeout, ms': '60000' });
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    await request(page, 'Profile answered 200');
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await request(page, 'Order closed by the client');
  });

  it('is usable by keyboard alone', async () => {
    const page = await open();
    const tabs: string[] = [];
    const focused = (): Promise<string> =>
      page.evaluate(() => {
        const { activeElement: element } = document;
        return element?.getAttribute('name') ?? element?.getAttribute('aria-label') ?? element?.textContent ?? '';
      });
    for (let name = 'first'; name !== '' && tabs.length < 40; tabs.push(name)) {
      await page.keyboard.press('Tab');
      name = await focused();
    }
    for (const name of ['Happy both services answer', 'id', 'Call', 'Cancel', 'via', 'The requests so far', 'cancel']) {
      expect(tabs).to.include(name);
    }
  });

  it('uses no animation if the user prefers reduced motion', async () => {
    const page = await open({ reducedMotion: 'reduce' });
    await page.getByRole('button', { name: 'Happy' }).click();
    await until(page, 'ok');
    expect((await measured(page)).frames).to.equal(0);
    expect(await page.evaluate(() => document.getAnimations().length)).to.equal(0);
  });
});
