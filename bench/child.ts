import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Milliseconds. Tasks take less, unless {@link Child.run} has another limit. */
const MOST = 120_000;

/** A process that works on tasks, one at a time. It ends with its parent process. */
export class Child<Task extends object, Result> {
  private readonly child: ChildProcess;

  constructor(child: ChildProcess) {
    this.child = child;
  }

  run(task: Task, most = MOST): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        done();
        this.child.kill();
        reject(new Error(`expected a result within ${String(most)} ms, got none: ${JSON.stringify(task)}`));
      }, most);
      const onMessage = (result: unknown): void => {
        done();
        resolve(result as Result);
      };
      const onExit = (): void => {
        done();
        reject(
          new Error(`expected a result, got an exit of ${this.child.spawnargs.join(' ')}: ${JSON.stringify(task)}`),
        );
      };
      const done = (): void => {
        clearTimeout(timer);
        this.child.off('message', onMessage).off('exit', onExit);
      };
      this.child.once('message', onMessage).once('exit', onExit).send(task);
    });
  }

  stop(): void {
    if (this.child.connected) this.child.disconnect();
  }
}

/** Starts a module of this folder in its own process. */
export function startModule<Task extends object, Result>(
  module: string,
  args: readonly string[],
  execArgv: readonly string[] = [],
): Child<Task, Result> {
  const file = fileURLToPath(new URL(module, import.meta.url));
  return new Child(fork(file, args, { execArgv: [...process.execArgv, ...execArgv] }));
}

/** Works on the tasks of a {@link Child}, in its process. */
export function onTask<Task, Result>(work: (task: Task) => Result | Promise<Result>): void {
  const respond = async (task: unknown): Promise<void> => {
    process.send?.((await work(task as Task)) ?? null);
  };
  process.on('message', (task) => void respond(task));
  process.on('disconnect', () => process.exit());
}
