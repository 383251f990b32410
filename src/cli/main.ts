import { chooseSha256, fromErrno, isErrno, TsbuildError } from '../core/index.ts';
import { nativeSha256 } from '../sys/index.ts';
import { runCli } from './program.ts';
import { reportError } from './report.ts';

chooseSha256(nativeSha256);
for (const name of ['stdout', 'stderr'] as const) watchWhenMade(name);

void runCli(process.argv.slice(2)).then((status) => {
  // Not process.exit at once: what is still in the pipes of stdout and stderr must get out. When it is out nothing is
  // gained from taking the heap apart.
  process.exitCode = status;
  process.on('exit', () => process.exit());
});

/** Node makes them when they are first used, which takes longer than many a command needs altogether. */
function watchWhenMade(name: 'stdout' | 'stderr'): void {
  const property = Object.getOwnPropertyDescriptor(process, name);
  if (property?.get === undefined) return;
  const get = (): NodeJS.WriteStream => {
    const stream = property.get?.call(process) as NodeJS.WriteStream;
    Object.defineProperty(process, name, { value: stream, configurable: true, enumerable: true });
    return stream.on('error', outputFailed);
  };
  Object.defineProperty(process, name, { get, configurable: true, enumerable: true });
}

function outputFailed(thrown: NodeJS.ErrnoException): void {
  // A reader that has seen enough (`tsbuild images | head -1`) is no defect: whoever writes a lot finds out by the write.
  if (isErrno(thrown, 'EPIPE')) return;
  const error = isErrno(thrown, 'ENOSPC', 'EDQUOT')
    ? new TsbuildError('DISK_FULL', 'the output cannot be written: no space left on the device', {
        hint: 'free some space where the output goes',
        cause: thrown,
      })
    : fromErrno(thrown, 'the output cannot be written');
  reportError(error);
  // At once: whoever waits for the stream waits in vain.
  process.exit(error instanceof TsbuildError ? error.exitStatus : 70);
}
