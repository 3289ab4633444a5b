// Makes the HTML of TypeDoc accessible.

export function accessible(html) {
  return headings(
    html
      .replace('<div class="col-content">', '<div class="col-content" role="main">')
      .replace('<div class="page-menu">', '<div class="page-menu" role="complementary" aria-label="This page">')
      .replace('<nav id="tsd-sidebar-links"', '<nav id="tsd-sidebar-links" aria-label="Demo"')
      .replaceAll('<th></th>', '<td></td>')
      // A keyboard reaches what scrolls only if it can have the focus.
      .replaceAll(/<(?=(div|ul) class="(tsd-signature|tsd-type-parameter-list))\w+/g, '$& tabindex="0"')
      .replaceAll('<pre>', '<pre tabindex="0">')
      .replaceAll('<table>', '<div class="table" tabindex="0"><table>')
      .replaceAll('</table>', '</table></div>'),
  );
}

/** Levels without gaps: TypeDoc writes an `h4` below an `h1`. */
function headings(html) {
  const outer = [];
  return html.replaceAll(/<h([1-6])(?=[ >])/g, (tag, level) => {
    while (outer.length > 0 && outer.at(-1) >= level) outer.pop();
    outer.push(level);
    return outer.length === Number(level) ? tag : `${tag} aria-level="${outer.length}"`;
  });
}
