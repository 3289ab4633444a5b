import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Child } from '../child.ts';
import type { Traits } from './contender.ts';

// The contenders in Go, which are the program in bench/go/. It needs a Go toolchain and golang.org/x/sync. On Debian, these are the
// packages golang-go and golang-golang-x-sync-dev.

const inGo: readonly Traits[] = [
  { name: 'Go: errgroup + net/http', cancels: true },
  { name: 'Go: errgroup + net/http, 256 connections', cancels: true, connections: 256 },
];

const source = fileURLToPath(new URL('../go/', import.meta.url));
const folder = fileURLToPath(new URL('../../reports/bench/go/', import.meta.url));
const program = `${folder}client`;

/** Without modules, the compiler finds the packages of Debian and needs no network. */
const environment = {
  ...process.env,
  GO111MODULE: 'off',
  GOFLAGS: '',
  GOTOOLCHAIN: 'local',
  GOCACHE: `${folder}cache`,
  GOPATH: ['/usr/share/gocode', process.env['GOPATH']].filter(Boolean).join(':'),
};

let built: boolean | undefined;

/** The version of Go, such as `go1.19.8`, if the contenders in Go are built. */
export function goVersion(): string | undefined {
  if (goContenders().length === 0) return undefined;
  return execFileSync('go', ['env', 'GOVERSION'], { env: environment, encoding: 'utf8' }).trim();
}

/** Builds the program, and returns its contenders. Without a Go toolchain there are none. */
export function goContenders(): readonly Traits[] {
  built ??= build();
  return built ? inGo : [];
}

export function isInGo(name: string): boolean {
  return inGo.some((contender) => contender.name === name);
}

/** Go uses one core, as JavaScript does. The services have the other one. */
export function startGo<Task extends object, Result>(topic: string, name: string): Child<Task, Result> {
  const { connections = 0 } = inGo.find((contender) => contender.name === name) ?? {};
  return new Child(
    spawn(program, [topic, String(connections)], {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env: { ...environment, GOMAXPROCS: '1' },
    }),
  );
}

function build(): boolean {
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
