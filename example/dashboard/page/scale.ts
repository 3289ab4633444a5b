const lengths = [500, 1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 30_000, 60_000];

/** Returns the width of the charts in milliseconds. It grows in steps, and includes the deadline if that is near. */
export function widthFor(elapsed: number, timeout: number): number {
  const width = stepAbove(elapsed);
  return timeout < width * 1.5 ? Math.max(width, stepAbove(timeout * 1.05)) : width;
}

function stepAbove(milliseconds: number): number {
  return lengths.find((length) => length >= milliseconds) ?? Math.ceil(milliseconds / 60_000) * 60_000;
}

export function timeOf(milliseconds: number): string {
  return milliseconds < 10_000
    ? `${String(Math.round(milliseconds))} ms`
    : `${String(Math.round(milliseconds / 100) / 10)} s`;
}
