/** Finds an element that the page must have. */
export function element(selector: string, within?: ParentNode): HTMLElement;
export function element<E extends HTMLElement>(selector: string, within: ParentNode, kind: new () => E): E;
export function element(selector: string, within: ParentNode = document, kind = HTMLElement): HTMLElement {
  const found = within.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${selector}`);
}

/** Sets the text if it differs, so that a screen reader reads no text twice. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
