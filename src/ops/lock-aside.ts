import type { RunContext } from '../solver/index.ts';
import type { Lock, Store } from '../store/index.ts';

export interface LockAside {
  /** As people know it. */
  readonly what: string;
  readonly context: Pick<RunContext, 'signal' | 'warn' | 'withoutSlot'>;
  /** Milliseconds in which nothing is said: of a lock that others mostly hold for a moment. */
  readonly silence?: number | undefined;
}

/** A lock of the store. A step that has to wait for it says for whom, and holds no job slot meanwhile. */
export async function lockAside(
  store: Store,
  name: string,
  { what, context, silence = 0 }: LockAside,
): Promise<Lock> {
  const taken = await store.tryLock(name);
  if (taken !== undefined) return taken;
  return context.withoutSlot(async () => {
    let telling: NodeJS.Timeout | undefined;
    const tell = (holder: string): void =>
      context.warn(`waiting for ${what}, which ${holderName(holder)} uses`);
    const onWait = (holder: string): void => {
      if (silence === 0) tell(holder);
      else telling = setTimeout(tell, silence, holder);
    };
    try {
      return await store.lock(name, { signal: context.signal, onWait });
    } finally {
      clearTimeout(telling);
    }
  });
}

function holderName(pid: string): string {
  if (pid === String(process.pid)) return 'another step of this build';
  return pid === '' ? 'another process' : `process ${pid}`;
}
