import { openStore } from '../../store/index.ts';
import { startDetached } from './detach.ts';
import { runForeground } from './foreground.ts';
import { makeContainer, type ContainerToMake } from './make-container.ts';

export interface RunImageOptions extends ContainerToMake {
  readonly root: string;
  readonly detach: boolean;
}

/** `run`: makes a container of an image and starts it; gives the exit status for the command line. */
export async function runImage(options: RunImageOptions): Promise<number> {
  await using store = await openStore(options.root);
  const record = await makeContainer(store, options);
  if (!options.detach) return await runForeground(store, record);
  await startDetached(store, record);
  process.stdout.write(`${record.id}\n`);
  return 0;
}
