import { runCli } from './program.ts';

// A reader that has seen enough (`tsbuild images | head -1`) is no defect: whoever writes a lot finds out by the write.
for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreBrokenPipe);

void runCli(process.argv.slice(2)).then((status) => {
  // Not process.exit: what is still in the pipes of stdout and stderr must get out.
  process.exitCode = status;
});

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
