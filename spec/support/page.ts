import axe from 'axe-core';
import { expect } from 'chai';
import type { Page } from 'playwright-core';

/** What a page measures of itself. */
interface Measured {
  /** What has shifted in its layout, whatever the user did. */
  shifted: string[];
  /** How often it has asked for a frame of an animation. */
  frames: number;
}

/** For `addInitScript`: it runs in the page, before anything of the page does. */
export function measure(): void {
  const measured = globalThis as unknown as Measured;
  measured.shifted = [];
  measured.frames = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { sources } = entry as unknown as { readonly sources: readonly { readonly node: Node | null }[] };
      measured.shifted.push(...sources.map(({ node }) => node?.textContent ?? 'what is gone'));
    }
  }).observe({ type: 'layout-shift', buffered: true });
  const request = requestAnimationFrame;
  globalThis.requestAnimationFrame = (callback) => {
    measured.frames++;
    return request(callback);
  };
}

export function measured(page: Page): Promise<Measured> {
  return page.evaluate(() => {
    const { shifted, frames } = globalThis as unknown as Measured;
    return { shifted, frames };
  });
}

/**
 * Resolves when there is an element that says so; `words` is the source of a pattern.
 *
 * As a locator's `waitFor`, which looks every half second only.
 */
export async function appears(page: Page, selector: string, words = ''): Promise<void> {
  const shown = ({ selector, words }: { selector: string; words: string }): boolean =>
    [...document.querySelectorAll(selector)].some(({ textContent }) =>
      new RegExp(words).test(textContent.trim().replaceAll(/\s+/g, ' ')),
    );
  await page.waitForFunction(shown, { selector, words }, { polling: 20 });
}

/** At both widths, light and dark: no violation of accessibility, nothing beside the page, and a picture to look at. */
export async function look(page: Page, name: string): Promise<void> {
  await page.evaluate(axe.source);
  for (const width of [1_600, 360]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 1_000 });
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
      expect(found, `${String(width)} ${colorScheme}`).to.deep.equal([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).to.equal(width);
      await page.screenshot({ path: `${name}-${String(width)}-${colorScheme}.png`, fullPage: true });
    }
  }
}
