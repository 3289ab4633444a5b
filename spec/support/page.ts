import axe from 'axe-core';
import { expect } from 'chai';
import type { Page } from 'playwright-core';

/** Measurements inside a page. */
interface Measured {
  /** The texts of the elements that have moved in a layout shift. */
  shifted: string[];
  /** How often the page has requested an animation frame. */
  frames: number;
}

/** For `addInitScript`: it runs in the page, before the scripts of the page. */
export function measure(): void {
  const measured = globalThis as unknown as Measured;
  measured.shifted = [];
  measured.frames = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { sources } = entry as unknown as { readonly sources: readonly { readonly node: Node | null }[] };
      measured.shifted.push(...sources.map(({ node }) => node?.textContent ?? 'a removed element'));
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
 * Resolves when an element of `selector` has a text that matches the pattern `words`.
 *
 * A locator's `waitFor` does the same, but looks only every half second.
 */
export async function appears(page: Page, selector: string, words = ''): Promise<void> {
  const shown = ({ selector, words }: { selector: string; words: string }): boolean =>
    [...document.querySelectorAll(selector)].some(({ textContent }) =>
      new RegExp(words).test(textContent.trim().replaceAll(/\s+/g, ' ')),
    );
  await page.waitForFunction(shown, { selector, words }, { polling: 20 });
}

/** Checks accessibility and the width of the page, narrow and wide, light and dark, and takes screenshots. */
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
