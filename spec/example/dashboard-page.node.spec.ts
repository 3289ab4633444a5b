import { expect } from 'chai';
import { silent } from 'forkfast';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { filter, firstValueFrom, map, merge, take, toArray } from 'rxjs';
import type { Activity } from '../../example/dashboard/activity.ts';
import { bundlePage } from '../../example/dashboard/page.ts';
import { type Stage, startStage } from '../../example/dashboard/stage.ts';
import { launch } from '../../scripts/chromium.mjs';
import { appears, look, measure, measured } from '../support/page.ts';

describe('example: the page', function () {
  this.timeout(60_000);

  let browser: Browser;
  let stage: Stage;
  before(async () => {
    [browser, stage] = await Promise.all([launch(), startStage({ timeout: 30_000, logger: silent, page: bundlePage })]);
  });
  after(async () => {
    await browser.close();
    await stage.close();
  });

  /** What went wrong in the page, and what it loaded from elsewhere. */
  const wrong: string[] = [];
  const open = async (options: BrowserContextOptions = {}): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 1_600, height: 1_000 }, ...options });
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('console', (message) => {
      const failedOnPurpose = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !failedOnPurpose) wrong.push(message.text());
    });
    page.on('request', (request) => {
      if (!/^(http:\/\/127\.0\.0\.1:|data:)/.test(request.url())) wrong.push(request.url());
    });
    page.setDefaultTimeout(10_000);
    await page.addInitScript(measure);
    await page.goto(stage.dashboard.url);
    await appears(page, '#result:not(:empty)');
    return page;
  };
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    expect(wrong.splice(0)).to.deep.equal([]);
  });

  /** The next `count` things of this type that the two services see. */
  const seen = (type: Activity['type'], count = 2): Promise<string[]> =>
    firstValueFrom(
      merge(stage.profile.activity, stage.orders.activity).pipe(
        filter((activity) => activity.type === type),
        map(({ service }) => service),
        take(count),
        toArray(),
      ),
    );

  const result = (page: Page): Locator => page.getByRole('status');
  const rows = async (page: Page, list: string): Promise<string[]> => {
    const items = await page.getByRole('list', { name: list, exact: true }).getByRole('listitem').all();
    const told = items.map(
      async (item) => `${String(await item.getAttribute('data-state'))}: ${await item.innerText()}`,
    );
    return (await Promise.all(told)).map((text) => text.replaceAll(/\s+/g, ' '));
  };
  /** Resolves when the run has come to that. */
  const until = (page: Page, state: string): Promise<void> => appears(page, `#result[data-state="${state}"]`);
  /** Resolves when a row says so: the page hears of what its servers see a moment later. */
  const request = (page: Page, words: string): Promise<void> => appears(page, '#requests li', words);

  const ms = String.raw`\d+ ms`;
  const presets = [
    {
      name: 'Happy',
      words: /^User: Alice \| Orders: 5$/,
      state: 'ok',
      run: [`ok: dashboard ok, ${ms}`, `ok: profile ok, ${ms}`, `ok: orders ok, ${ms}`],
      servers: [`ok: Profile answered 200 at ${ms}`, `ok: Order answered 200 at ${ms}`],
      log: 'run succeeded',
    },
    {
      name: 'Slow Poke',
      words: /^context deadline exceeded after \d+ ms, pending: orders$/,
      state: 'late',
      run: [`late: dashboard deadline exceeded, ${ms}`, `ok: profile ok, ${ms}`, `canceled: orders canceled, ${ms}`],
      servers: [`ok: Profile answered 200 at ${ms}`, `canceled: Order closed by the client at ${ms}`],
      log: 'deadline exceeded',
    },
    {
      name: 'Domino Effect',
      words: /^profile: HTTP 500 from GET http:\/\/127\.0\.0\.1:\d+\/profiles\/42$/,
      state: 'failed',
      run: [`failed: dashboard failed, ${ms}`, `failed: profile failed, ${ms}`, `canceled: orders canceled, ${ms}`],
      servers: [`failed: Profile answered 500 at ${ms}`, `canceled: Order closed by the client at ${ms}`],
      log: 'run failed',
    },
    {
      name: 'Caller leaves',
      words: /^context canceled$/,
      state: 'canceled',
      run: [`canceled: dashboard canceled, ${ms}`, `ok: profile ok, ${ms}`, `canceled: orders canceled, ${ms}`],
      servers: [`ok: Profile answered 200 at ${ms}`, `canceled: Order closed by the client at ${ms}`],
      log: 'service succeeded',
    },
  ];

  for (const via of ['this page', 'the backend']) {
    for (const { name, words, state, run, servers, log } of presets) {
      it(`shows ${name}, asked by ${via}`, async () => {
        const page = await open();
        await page.getByRole('radio', { name: via }).check();
        await page.getByRole('button', { name }).click();
        await until(page, state);
        for (const row of servers) await request(page, row.replace(/^\w+: /, ''));

        expect(await result(page).innerText()).to.match(words);
        const shown = [...(await rows(page, 'The services of the run')), ...(await rows(page, 'Requests'))];
        for (const [index, row] of [...run, ...servers].entries()) {
          expect(shown[index]).to.match(new RegExp(`^${row}$`));
        }
        expect(shown).to.have.length(run.length + servers.length);
        await appears(page, '#log li', log);
        expect((await measured(page)).shifted).to.deep.equal([]);
        if (via === 'this page') await look(page, `reports/dashboard/${name.toLowerCase().replace(' ', '-')}`);
      });
    }
  }

  /** Sets the controls, by their names on the page. */
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

  it('draws a bar that grows while its service runs, hatched and cut where it was canceled', async () => {
    const page = await open();
    await hanging(page);
    await page.getByRole('button', { name: 'Ask' }).click();
    const bar = page.locator('#bars li:last-child .bar');
    const width = await bar.evaluate((bar) => bar.getBoundingClientRect().width);
    const grown = (width: number): boolean => {
      const bar = document.querySelector('#bars li:last-child .bar');
      return bar !== null && bar.getBoundingClientRect().width > width;
    };
    await page.waitForFunction(grown, width);
    await page.getByRole('button', { name: 'Leave', exact: true }).click();
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
    await page.getByRole('button', { name: 'Ask' }).click();
    await until(page, 'late');
    expect(await page.getByText(/^Deadline:/).innerText()).to.equal('Deadline: 400 ms, the line across the bars.');
    const [run = '', profile, orders] = await rows(page, 'The services of the run');
    expect(run).to.match(/^late/);
    expect([profile, orders].join()).to.match(/^canceled.*canceled/);
    expect(await result(page).innerText()).to.match(
      /^context deadline exceeded after \d+ ms, pending: profile, orders$/,
    );
  });

  it('cancels the run of an id when another key is typed', async () => {
    const page = await open();
    await hanging(page);
    const id = page.getByLabel('User id');
    await id.clear();
    expect(await result(page).innerText()).to.equal('the id of a user is a positive integer');
    const first = seen('asked');
    await id.press('4');
    await first;
    const [abandoned, second] = [seen('abandoned'), seen('asked')];
    await id.press('2');
    expect(await abandoned).to.have.members(['Profile service', 'Order service']);
    await second;
    expect(await id.inputValue()).to.equal('42');
    expect(await result(page).getAttribute('data-state')).to.equal('running');
  });

  for (const via of ['this page', 'the backend']) {
    it(`cancels what ${via} has asked when the page is left`, async () => {
      const page = await open();
      await hanging(page);
      await page.getByRole('radio', { name: via }).check();
      const [asked, abandoned] = [seen('asked'), seen('abandoned')];
      await page.getByRole('button', { name: 'Ask' }).click();
      await asked;
      await page.goto('about:blank');
      expect(await abandoned).to.have.members(['Profile service', 'Order service']);
    });
  }

  it('shows each attempt of a retry and of a hedge', async () => {
    const page = await open();
    await set(page, 'Profile service', { 'Latency, ms': '0', Outcome: 'reset' });
    await set(page, 'Order service', { 'Latency, ms': '60000' });
    await set(page, 'The caller', { 'Timeout, ms': '60000', Retries: '1', 'Hedge after, ms': '0' });
    await page.getByRole('button', { name: 'Ask' }).click();
    await until(page, 'failed');
    expect(await result(page).innerText()).to.match(/^profile: no answer from GET http:\S+\/profiles\/42$/);
    await appears(page, '#requests li[data-state="canceled"] ~ li[data-state="canceled"]');
    const told = await rows(page, 'Requests');
    const of = (words: string): number => told.filter((row) => row.startsWith(words)).length;
    expect(of('failed: Profile reset by the service at')).to.be.at.least(4); // browsers ask a fresh connection once more
    expect(of('canceled: Order closed by the client at')).to.equal(2);
  });

  it('waits for a slow body', async () => {
    const page = await open();
    await set(page, 'Profile service', { 'Latency, ms': '0' });
    await set(page, 'Order service', { 'Latency, ms': '0', Outcome: 'slow body' });
    await set(page, 'The caller', { 'Timeout, ms': '60000' });
    await page.getByRole('button', { name: 'Ask' }).click();
    await request(page, 'Profile answered 200');
    await page.getByRole('button', { name: 'Leave', exact: true }).click();
    await request(page, 'Order closed by the client');
  });

  it('is there for the keyboard alone', async () => {
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
    for (const name of ['Happy both answer', 'id', 'Ask', 'Leave', 'via', 'The requests so far', 'leave']) {
      expect(tabs).to.include(name);
    }
  });

  it('moves little where motion is not wanted', async () => {
    const page = await open({ reducedMotion: 'reduce' });
    await page.getByRole('button', { name: 'Happy' }).click();
    await until(page, 'ok');
    expect((await measured(page)).frames).to.equal(0);
    expect(await page.evaluate(() => document.getAnimations().length)).to.equal(0);
  });
});
