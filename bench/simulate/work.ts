import { type Scenario, type Second, simulate } from '../../spec/support/storm/simulate.ts';
import { strategies } from '../../spec/support/storm/strategies.ts';
import { onTask } from '../child.ts';

export interface Task {
  readonly strategy: keyof typeof strategies;
  readonly scenario: Scenario;
}

onTask(({ strategy, scenario }: Task): readonly Second[] => simulate(strategies[strategy], scenario));
