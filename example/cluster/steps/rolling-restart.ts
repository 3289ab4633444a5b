import { load } from '../driver/load.ts';
import { allAnswered, claim, pagesOf, processes, type Step } from './step.ts';

/** The load goes on until the last process has been replaced. */
export const rollingRestart: Step = async ({ workers }) => {
  let over = false;
  const restart = workers.rollingRestart().finally(() => {
    over = true;
  });
  const pages = await pagesOf(
    load(
      workers.url,
      usersUntil(() => over),
    ),
  );
  const codes = await restart;
  const clean = codes.filter((code) => code === 0).length;
  return {
    pages,
    claims: [
      allAnswered(pages),
      claim(`${processes(clean)} of ${String(codes.length)} drained and ended with 0`, clean === codes.length),
    ],
  };
};

/** Many users in turn, so that no tenant reaches its quota. */
function* usersUntil(isOver: () => boolean): Generator<number> {
  for (let turn = 0; !isOver(); turn++) yield 5_000 + (turn % 4_000);
}
