import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Child } from '../child.ts';
import { CONNECTIONS } from './contender.ts';

// The contenders in Go, which are the program in bench/go/. It needs a Go toolchain and golang.org/x/sync. On Debian, these are the
// packages golang-go and golang-golang-x-sync-dev.

/** The maximum number of connections to a service, where 0 means any number. */
const connections = new Map([
  ['Go: errgroup + net/http', 0],
  [`Go: errgroup + net/http, ${String(CONNECTIONS)} connections`, CONNECTIONS],
]);

const source = fileURLToPath(new URL('../go/', import.meta.url));
const built = fileURLToPath(new URL('../../reports/bench/go/', import.meta.url));
const program = `${built}client`;

/** Without modules, the compiler finds the packages of Debian and needs no network. */
const environment = {
  ...process.env,
  GO111MODULE: 'off',
  GOFLAGS: '',
  GOTOOLCHAIN: 'local',
  GOCACHE: `${built}cache`,
  GOPATH: ['/usr/share/gocode', process.env['GOPATH']].filter(Boolean).join(':'),
};

let names: readonly string[] | undefined;

/** The version of Go, such as `go1.19.8`, if the contenders in Go are built. */
export function goVersion(): string | undefined {
  if (goContenders().length === 0) return undefined;
  return execFileSync('go', ['env', 'GOVERSION'], { env: environment, encoding: 'utf8' }).trim();
}

/** Builds the program, and returns the names of its contenders. Without a Go toolchain there are none. */
export function goContenders(): readonly string[] {
  return (names ??= builds() ? [...connections.keys()] : []);
}

export function isInGo(name: string): boolean {
  return connections.has(name);
}

/** Go uses one core, as JavaScript does. The services have the other one. */
export function startGo<Task extends object, Result>(topic: string, name: string): Child<Task, Result> {
  return new Child(
    spawn(program, [topic, String(connections.get(name))], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...environment, GOMAXPROCS: '1' },
    }),
  );
}

function builds(): boolean {
  try {
    execFileSync('go', ['build', '-o', program, '.'], {
      cwd: source,
      env: environment,
      encoding: 'utf8',
      stdio: 'pipe',
    });
    return true;
  } catch (error) {
    const { code, stderr } = error as { readonly code?: string; readonly stderr?: string };
    const reason = code === 'ENOENT' ? 'there is no Go toolchain' : `go build failed:\n${stderr ?? String(error)}`;
    console.log(`\nThe contenders in Go are left out: ${reason}`);
    return false;
  }
}
