import type { RunContext } from '../solver/index.ts';
import type { Lock, Store } from '../store/index.ts';

/** A lock of the store. A step that has to wait for it says for whom, and holds no job slot meanwhile. */
export async function lockAside(
  store: Store,
  name: string,
  { what, context }: { readonly what: string; readonly context: RunContext },
): Promise<Lock> {
  const taken = await store.tryLock(name);
  if (taken !== undefined) return taken;
  return context.withoutSlot(() =>
    store.lock(name, {
      signal: context.signal,
      onWait: (holder) => context.warn(`waiting for ${what}, which ${holderName(holder)} uses`),
    }),
  );
}

function holderName(pid: string): string {
  if (pid === String(process.pid)) return 'another step of this build';
  return pid === '' ? 'another process' : `process ${pid}`;
}
