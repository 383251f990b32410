import { existsSync, readFileSync, rmSync } from 'node:fs';
import { inject } from 'vitest';
import {
  faceOf,
  faultEnvironment,
  findingsOf,
  pruned,
  type FaultWorld,
  type StoreFace,
} from './fault-world.ts';
import { callsOf, faultsOf, runWithFault, type Fault, type FaultKind, type StoreCall } from './faults.ts';
import { numbersFrom, soak } from './series.ts';

/** A command that writes to a store. */
export interface Disturbable {
  readonly args: readonly string[];
  /** Of what it works on; the world is saved after it. */
  readonly prepare?: (world: FaultWorld) => Promise<unknown>;
  /** Doing it again once it is done is an error: what it removes is gone. */
  readonly onlyOnce?: boolean;
  /** What it makes has the time of its making in it, and is another one each time. */
  readonly varies?: boolean;
  /** A file that it writes outside of the store. */
  readonly output?: string;
}

/** The command ready to be disturbed: its calls, and what comes of it when nobody does. */
export interface Rehearsed extends Disturbable {
  readonly calls: readonly StoreCall[];
  readonly face: StoreFace;
  readonly written: string | undefined;
}

export async function rehearse(world: FaultWorld, command: Disturbable): Promise<Rehearsed> {
  await command.prepare?.(world);
  await world.save();
  const calls = await callsOf(world.cli, runOf(world, command));
  return { ...command, calls, face: faceOf(world.cli.root), written: writtenBy(command) };
}

function runOf(world: FaultWorld, { args, output }: Disturbable) {
  // What is written beside the store counts, too.
  return { args, env: faultEnvironment, root: output === undefined ? world.cli.root : world.folder };
}

/** Some of the moments at which the fault strikes; under `npm run soak` as many as `whole`. */
export function momentsAt(
  { calls }: Rehearsed,
  fault: Omit<Fault, 'at'>,
  { sample, whole = Infinity }: { readonly sample: number; readonly whole?: number },
): readonly Fault[] {
  const all = faultsOf(calls, fault.what, fault.lasts);
  const wanted = soak ? whole : sample;
  if (all.length <= wanted) return all;
  // Another one from each stretch of the command.
  const next = numbersFrom(inject('seed'));
  const stretch = all.length / wanted;
  return Array.from(
    { length: wanted },
    (_, index) => all[Math.floor(index * stretch) + next(Math.floor(stretch))] as Fault,
  );
}

/** How a command says that a call failed so. */
const codes: Readonly<Record<FaultKind, readonly string[]>> = {
  kill: [],
  half: [],
  ENOSPC: ['DISK_FULL'],
  // libuv has no name for it, and some calls of Node keep no number either.
  EDQUOT: ['DISK_FULL', 'IO_ERROR'],
  EIO: ['IO_ERROR'],
  EMFILE: ['IO_ERROR'],
  EROFS: ['PERMISSION_DENIED', 'IO_ERROR'],
};

/**
 * Runs the command with the fault, looks at what it leaves, runs it again and looks at what comes of it. What is not as it
 * has to be, a line each.
 */
export async function disturbed(
  world: FaultWorld,
  command: Rehearsed,
  fault: Fault,
): Promise<readonly string[]> {
  const problems: string[] = [];
  const complain = (what: string, more: unknown): void => {
    const call = command.calls[fault.at - 1];
    const where = `${fault.what}${fault.lasts === true ? ' from there on' : ''} at call ${fault.at}, ${call?.name} ${call?.path}`;
    problems.push(`${where}: ${what}: ${typeof more === 'string' ? more : JSON.stringify(more)}`);
  };
  const { root } = world.cli;
  await world.restore();
  if (command.output !== undefined) rmSync(command.output, { force: true });
  const isKill = fault.what === 'kill' || fault.what === 'half';

  const { status, stderr } = await runWithFault(world.cli, runOf(world, command), fault);
  if (isKill && status !== 137) complain('it was not killed', { status, stderr });
  if (!isKill && status !== 0) {
    const said = stderr.match(/^tsbuild: .* \[([A-Z_]+)\]$/gm) ?? [];
    const isExpected = (line: string): boolean =>
      codes[fault.what].some((code) => line.endsWith(`[${code}]`));
    if (said.length === 0 || !said.every(isExpected)) complain('it is no clear error', stderr);
  }
  if (/^ +at /m.test(stderr)) complain('it has a stack', stderr);
  if (status === 0 && !isSame(command, faceOf(root), command.face))
    complain('it ended well with another result', stderr);
  const output = writtenBy(command);
  if (output !== undefined && output !== command.written) complain('it wrote half a file', output.length);

  const found = await findingsOf(root);
  if (found.some((line) => !line.startsWith('leftover'))) complain('it leaves damage', found);

  const again = await world.cli.run(command.args, { env: { ...process.env, ...faultEnvironment } });
  const isDone = command.onlyOnce === true && /\[IMAGE_NOT_FOUND\]/.test(again.stderr);
  if (again.status !== 0 && !isDone) complain('again, it fails', again.stderr);
  if (command.onlyOnce !== true && !isSame(command, faceOf(root), command.face))
    complain('again, it comes to something else', [faceOf(root), command.face]);
  if (writtenBy(command) !== command.written) complain('again, it writes another file', command.output);

  await pruned(root);
  // Names are taken away even from a full disk, whose index is made to agree when there is room.
  const names = { ...command.face, blobs: [] };
  if (command.onlyOnce === true && !isSame(command, { ...faceOf(root), blobs: [] }, names))
    complain('after a prune, the names are others', [faceOf(root), names]);
  const left = await findingsOf(root);
  if (left.length > 0) complain('after that and a prune there is something left', left);
  return problems;
}

function isSame({ varies = false }: Disturbable, one: StoreFace, other: StoreFace): boolean {
  return varies || JSON.stringify(one) === JSON.stringify(other);
}

function writtenBy({ output }: Disturbable): string | undefined {
  return output !== undefined && existsSync(output) ? readFileSync(output, 'latin1') : undefined;
}
