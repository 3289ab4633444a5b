import { take } from 'rxjs';
import { show } from '../marbles/show.ts';
import { fewTasks, type Scenario, type TestedService } from './leaks-in.ts';

/** Lists the scenarios, each with the service that it ends. */
export function scenariosOf(
  service: TestedService,
  fails: TestedService | false | undefined,
): (readonly [Scenario, TestedService])[] {
  return [
    [success, service],
    ...(fails === false ? [] : [[failure(fails !== undefined), fails ?? service] as const]),
    ...earlyEnds.map((scenario) => [scenario, service] as const),
  ];
}

const success: Scenario = {
  when: 'succeeds',
  network: 'answers',
  run: async ({ subscribe, outcome }) => {
    subscribe();
    const ended = await outcome();
    if (!('error' in ended)) return;
    throw new Error(
      `expectNoLeaks: expected the service to succeed, got ${show(ended.error)}: pass a service and a fetch that succeed`,
      {
        cause: ended.error,
      },
    );
  },
};

/** @param itself - Whether the service fails without the help of the network. */
function failure(itself: boolean): Scenario {
  return {
    when: 'fails',
    network: itself ? 'answers' : 'fails',
    run: async ({ subscribe, outcome, sent }) => {
      subscribe();
      const ended = await outcome();
      // A service may recover from failed requests.
      if ('error' in ended || (!itself && sent())) return;
      throw new Error(
        'expectNoLeaks: expected the service to fail, got success: pass { fails: (ctx) => … }, or { fails: false } if it cannot fail',
      );
    },
  };
}

const earlyEnds: readonly Scenario[] = [
  {
    when: 'is called with an aborted signal',
    network: 'hangs',
    run: async ({ abort, subscribe }) => {
      abort();
      subscribe();
      await fewTasks();
    },
  },
  {
    when: 'is unsubscribed at once',
    network: 'hangs',
    run: ({ subscribe }) => {
      subscribe();
    },
  },
  {
    when: 'is unsubscribed while it runs',
    network: 'hangs',
    run: async ({ subscribe }) => {
      subscribe();
      await fewTasks();
    },
  },
  {
    when: 'is unsubscribed at its first value',
    network: 'answers',
    run: async ({ subscribe, outcome }) => {
      subscribe(take(1));
      await outcome();
    },
  },
  {
    when: 'is aborted while it runs',
    network: 'hangs',
    run: async ({ subscribe, abort }) => {
      subscribe();
      await fewTasks();
      abort();
      await fewTasks();
    },
  },
];
