import { load } from '../driver/load.ts';
import { allAnswered, claim, pagesOf, processes, type Step, usersFrom } from './step.ts';

export const allHealthy: Step = async ({ workers }) => {
  const pages = await pagesOf(load(workers.url, usersFrom(1, 200)));
  const busy = new Set(pages.map(({ worker }) => worker)).size;
  return {
    pages,
    claims: [allAnswered(pages), claim(`${processes(busy)} of ${String(workers.size)} responded`, busy > 0)],
  };
};
