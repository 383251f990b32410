import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

import { TsbuildError } from '../core/index.ts';
import type { SetupOp } from './plan/ops.ts';
import { hookError } from './hooks/failure.ts';
import type { Report } from './reports.ts';

type ErrorReport = Extract<Report, { kind: 'error' }>;

const { EACCES, EISDIR, ENODEV, ENOENT, ENOEXEC, ENOSPC, ENOSYS, ENOTDIR, EPERM } = constants.errno;
/** Too many user namespaces; Node does not know it. */
const EUSERS = 87;

/** Errors of execve(2) that mean "there is no such command", and those that mean "it is no program". */
const notFound: readonly number[] = [ENOENT, ENOTDIR];
const notExecutable: readonly number[] = [EACCES, EISDIR, ENOEXEC, EPERM];

/** The launcher's report of a failure as the error a user meets. */
export function setupError(report: ErrorReport, plan: readonly SetupOp[]): TsbuildError {
  const op = plan[report.operation];
  const reason = describeErrno(report.errno);
  if (report.aboutExec && op?.kind === 'exec') {
    const command = op.args[0] ?? '';
    if (notFound.includes(report.errno)) {
      const interpreter = report.text.startsWith('the interpreter');
      return new TsbuildError(
        'COMMAND_NOT_FOUND',
        interpreter ? report.text : `command not found in the container: ${command}`,
        {
          hint: interpreter
            ? 'its first line, or the loader it was linked for, names a program the image lacks'
            : 'it must be in a folder of its PATH, or be given with its whole path',
        },
      );
    }
    if (notExecutable.includes(report.errno)) {
      return new TsbuildError('COMMAND_NOT_EXECUTABLE', `cannot execute ${command}: ${reason}`, {
        hint:
          report.errno === ENOEXEC
            ? 'it is no program of this kind of processor, or a script without #!: see docs/platforms.md for emulators'
            : 'it must be a file with the permission to execute, of a format the kernel knows',
      });
    }
  }
  if (op?.kind === 'hook' || op?.kind === 'start-hook') {
    const stage = op.kind === 'hook' ? 'createContainer' : 'startContainer';
    if (report.errno === 0) return hookError(stage, op.hook, report.text);
  }
  if (op?.kind === 'bind' && op.ids !== undefined && report.text.startsWith('map the ids')) {
    return new TsbuildError('HOST_UNSUPPORTED', `the owners of ${op.source} cannot be mapped: ${reason}`, {
      hint: 'idmap takes root, and a file system that has it: ext4, xfs and btrfs, tmpfs since Linux 6.3, never overlay',
    });
  }
  if (op?.kind === 'id-map') {
    return new TsbuildError('HOST_UNSUPPORTED', `the kernel refuses a map of owners: ${reason}`, {
      hint: 'idmap takes root, and ranges that do not overlap',
    });
  }
  const step = op === undefined ? 'reading the request' : op.kind;
  return new TsbuildError(
    'RUNTIME_SETUP',
    `cannot set up the container (${step}): ${report.text.trimEnd()}: ${reason}`,
    {
      hint: hintFor(report.errno),
    },
  );
}

export function describeErrno(errno: number): string {
  const entry = getSystemErrorMap().get(-errno);
  return entry === undefined ? `errno ${errno}` : `${entry[1]} (${entry[0]})`;
}

function hintFor(errno: number): string | undefined {
  if (errno === ENOSYS)
    return 'Linux 5.12 or newer is needed, without a filter of system calls: see "tsbuild doctor"';
  if (errno === ENODEV || errno === ENOSPC || errno === EUSERS) {
    return '"tsbuild doctor" looks at what the kernel, its limits and the disk lack';
  }
  if (errno === EPERM || errno === EACCES) {
    return 'the surrounding container or security policy forbids this: "tsbuild doctor" names what to change';
  }
  return undefined;
}
