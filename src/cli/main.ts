import { runCli } from './program.ts';

void runCli(process.argv.slice(2)).then((status) => {
  // Not process.exit: what is still in the pipes of stdout and stderr must get out.
  process.exitCode = status;
});
