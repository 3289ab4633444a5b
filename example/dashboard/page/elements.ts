/** The element that the page has, and must have. */
export function one(selector: string, within?: ParentNode): HTMLElement;
export function one<E extends HTMLElement>(selector: string, within: ParentNode, kind: new () => E): E;
export function one(selector: string, within: ParentNode = document, kind = HTMLElement): HTMLElement {
  const found = within.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${selector}`);
}

/** As text, whatever it holds; and only what is new, so that nothing is read out twice. */
export function say(element: Element, words: string): void {
  if (element.textContent !== words) element.textContent = words;
}
