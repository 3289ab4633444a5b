/** What a line of marbles shows of a frame. */
export interface Cell {
  readonly frame: number;
  readonly text: string;
}

/** A part of a line: a cell, or a stretch of time without one. A frame is a column, and so is a character. */
interface Piece {
  readonly from: number;
  readonly to: number;
  readonly text?: string;
}

/** Draws lines of marbles below each other: what happens in one frame is in one column. */
export function draw(lines: readonly (readonly Cell[])[]): string[] {
  const frames = lines.flat().map(({ frame }) => frame);
  const start = Math.min(0, ...frames);
  const drawn = lines.map((cells) => piecesOf(cells, start));
  // Half a frame has no column: then each line stands for itself.
  return frames.every(Number.isInteger) ? aligned(drawn) : drawn.flatMap((line) => aligned([line]));
}

/** What a line cannot say: `(ab)` takes four frames, and what came in one of them is drawn after them. */
export function misplaced(cells: readonly Cell[]): readonly Cell[] {
  const places = piecesOf(cells, 0).filter(({ text }) => text !== undefined);
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
  /** Set off by spaces, which take no time. */
  const time = ({ from, to }: Piece): string => `${from === stops[0] ? '' : ' '}${duration(to - from)} `;
  /** The time between two stops; a long one in which no line has a cell is written as `999ms`. */
  const stretches = stops.slice(1).map((to, index) => {
    const from = stops[index] ?? to;
    const length = to - from;
    const long = !(length < 10 && Number.isInteger(length)) && around(from, to).every(({ text }) => text === undefined);
    return { from, to, long, width: long ? Math.max(...around(from, to).map((gap) => time(gap).length)) : length };
  });
  const written = (gap: Piece): string => {
    const inside = stretches.filter(({ from, to }) => gap.from <= from && to <= gap.to);
    const width = inside.reduce((sum, stretch) => sum + stretch.width, 0);
    return inside.some(({ long }) => long) ? time(gap).padEnd(width) : '-'.repeat(width);
  };
  return lines.map((line) => line.map((piece) => piece.text ?? written(piece)).join('') || '-');
}
