import { fromText } from '../../core/index.ts';
import type { CopyStep } from '../../graph/index.ts';
import { makeDestination, type CopyTarget } from './carry-out.ts';
import { childOf, resolveDestination } from './destination.ts';

/** Heredocs become files of 0644 (L-047). */
export function writeHeredocs(target: CopyTarget, files: CopyStep['files']): void {
  if (files.length === 0) return;
  const { root, created } = target;
  const destination = resolveDestination(root, target.destination, { matches: [] });
  makeDestination(target, destination);
  for (const file of files) {
    const path = destination.folder ? childOf(destination.path, fromText(file.name)) : destination.path;
    if (root.tryLstat(path) !== undefined) root.unlink(path);
    root.write(path, Buffer.from(file.content), 0o644);
    root.chown(path, created.uid, created.gid);
    root.chmod(path, target.mode(0o644, false));
  }
}
