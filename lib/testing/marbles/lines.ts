/** The notifications of one frame, as marbles: `a`, or `(ab|)`. */
export interface Cell {
  readonly frame: number;
  readonly text: string;
}

/** A part of a line: a cell, or a gap between cells, which has no text. A frame is as wide as a character. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly text?: string;
}

/** Draws lines of marbles below each other, so that cells of one frame are in one column. */
export function draw(lines: readonly (readonly Cell[])[]): string[] {
  const frames = lines.flat().map(({ frame }) => frame);
  const start = Math.min(0, ...frames); // a frame before the subscription is negative
  const drawn = lines.map((cells) => piecesOf(cells, start));
  // Half a frame has no column, so the lines cannot be aligned.
  return frames.every(Number.isInteger) ? aligned(drawn) : drawn.flatMap((line) => aligned([line]));
}

/** Returns the cells that are drawn too far right: `(ab)` is four frames wide, and cells of those frames follow it. */
export function misplaced(cells: readonly Cell[]): readonly Cell[] {
  const start = Math.min(0, ...cells.map(({ frame }) => frame));
  const places = piecesOf(cells, start).filter(({ text }) => text !== undefined);
  return cells.filter(({ frame }, index) => places[index]?.from !== frame);
}

export function duration(ms: number): string {
  if (ms % 60_000 === 0) return `${String(ms / 60_000)}m`;
  return ms % 1_000 === 0 ? `${String(ms / 1_000)}s` : `${String(ms)}ms`;
}

function piecesOf(cells: readonly Cell[], start: number): Piece[] {
  let end = start;
  return cells.flatMap(({ frame, text }) => {
    const gap = { from: end, to: Math.max(frame, end) };
    end = gap.to + Array.from(text).length;
    return [gap, { from: gap.to, to: end, text }];
  });
}

function aligned(lines: readonly (readonly Piece[])[]): string[] {
  const pieces = lines.flat();
  const stops = [...new Set(pieces.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  const around = (from: number, to: number): Piece[] =>
    pieces.filter((piece) => piece.from <= from && to <= piece.to && piece.from < piece.to);
  /** RxJS wants spaces around a duration; they take no time. */
  const time = ({ from, to }: Piece): string => `${from === stops[0] ? '' : ' '}${duration(to - from)} `;
  /** The time from stop to stop. A long one without a cell in any line is drawn as `999ms`, else as dashes. */
  const stretches = stops.slice(1).map((to, index) => {
    const from = stops[index] ?? to;
    const length = to - from;
    const long = !(length < 10 && Number.isInteger(length)) && around(from, to).every(({ text }) => text === undefined);
    return { from, to, long, width: long ? Math.max(...around(from, to).map((gap) => time(gap).length)) : length };
  });
  const drawnGap = (gap: Piece): string => {
    const inside = stretches.filter(({ from, to }) => gap.from <= from && to <= gap.to);
    const width = inside.reduce((sum, stretch) => sum + stretch.width, 0);
    return inside.some(({ long }) => long) ? time(gap).padEnd(width) : '-'.repeat(width);
  };
  return lines.map((line) => line.map((piece) => piece.text ?? drawnGap(piece)).join('') || '-');
}
