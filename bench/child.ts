import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Longer than anything that is asked of a child takes. */
const PATIENCE = 120_000;

/** A process that answers tasks, one at a time. It ends with the one that started it. */
export class Child<Task extends object, Answer> {
  private readonly child: ChildProcess;

  constructor(module: string, args: readonly string[], execArgv: readonly string[] = []) {
    const file = fileURLToPath(new URL(module, import.meta.url));
    this.child = fork(file, args, { execArgv: [...process.execArgv, ...execArgv] });
  }

  ask(task: Task): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const patience = setTimeout(() => {
        done();
        this.child.kill();
        reject(new Error(`no answer to ${JSON.stringify(task)}`));
      }, PATIENCE);
      const answered = (answer: unknown): void => {
        done();
        resolve(answer as Answer);
      };
      const ended = (): void => {
        done();
        reject(new Error(`${this.child.spawnargs.join(' ')} ended over ${JSON.stringify(task)}`));
      };
      const done = (): void => {
        clearTimeout(patience);
        this.child.off('message', answered).off('exit', ended);
      };
      this.child.once('message', answered).once('exit', ended).send(task);
    });
  }

  stop(): void {
    if (this.child.connected) this.child.disconnect();
  }
}

/** The other side of {@link Child}. */
export function answer<Task, Answer>(work: (task: Task) => Answer | Promise<Answer>): void {
  const respond = async (task: unknown): Promise<void> => {
    process.send?.((await work(task as Task)) ?? null);
  };
  process.on('message', (task) => void respond(task));
  process.on('disconnect', () => process.exit());
}
