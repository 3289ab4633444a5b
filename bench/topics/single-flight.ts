import { aggregate, background, type Context, fetchJson, singleFlight } from 'forkfast';
import { firstValueFrom } from 'rxjs';
import { digits, middle, table } from '../format.ts';
import { Clients, compare, type Effort, pick, type Spread, spread, Upstream } from '../rounds.ts';

// Waves of 500 concurrent callers that request 10 ids. The service responds after 2 ms.

interface Task {
  readonly origin: string;
  readonly ms: number;
}

interface Waves {
  readonly waves: number;
  /** Answered callers per second. */
  readonly rate: number;
  /** Microseconds of CPU time per caller. */
  readonly cpu: number;
}

type Figures = readonly {
  readonly name: string;
  /** Requests at the service per wave. */
  readonly requests: Spread;
  readonly rate: Spread;
  readonly ratio: Spread;
  readonly cpu: Spread;
}[];

const CALLERS = 500;
const IDS = 10;
const PLAIN = 'no sharing';
const SHARED = 'singleFlight';

export async function measure({ rounds, quick }: Effort): Promise<Figures> {
  const upstream = new Upstream();
  const [origin = ''] = await upstream.listen(1);
  const clients = new Clients<Task, Waves>('single-flight', [PLAIN, SHARED]);
  const results = await clients.interleave(rounds, { origin, ms: quick ? 200 : 700 }, async (waves) => {
    const { requests } = await upstream.report();
    return { ...waves, requests: requests / waves.waves };
  });
  clients.stop();
  upstream.stop();
  const requests = pick(results, (result) => result.requests);
  const cpu = pick(results, (result) => result.cpu);
  const rates = compare(
    pick(results, ({ rate }) => rate),
    PLAIN,
  );
  return rates.map(({ name, value, ratio }) => ({
    name,
    requests: spread(requests.get(name) ?? []),
    rate: value,
    ratio,
    cpu: spread(cpu.get(name) ?? []),
  }));
}

export function work(name: string): (task: Task) => Promise<Waves> {
  return async ({ origin, ms }) => {
    const plain = (ctx: Context, id: number) => fetchJson(ctx, `${origin}/after/2?id=${String(id)}`);
    const profile = name === SHARED ? singleFlight(plain) : plain;
    const service = aggregate({ profile });
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    let waves = 0;
    let elapsed: number;
    do {
      await Promise.all(
        Array.from({ length: CALLERS }, (_, caller) => firstValueFrom(service(background, caller % IDS))),
      );
      waves++;
      elapsed = performance.now() - startedAt;
    } while (elapsed < ms);
    const { user, system } = process.cpuUsage(cpu);
    const callers = waves * CALLERS;
    return { waves, rate: (1_000 * callers) / elapsed, cpu: (user + system) / callers };
  };
}

export function tables(figures: Figures): string {
  return table(
    ['500 callers of 10 ids', 'requests', 'callers a second', 'ratio', 'CPU µs'],
    figures.map(({ name, requests, rate, ratio, cpu }) => [
      name,
      digits(requests.median),
      digits(rate.median),
      middle(ratio),
      digits(cpu.median),
    ]),
  );
}
