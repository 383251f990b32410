import { TsbuildError } from '../core/index.ts';
import type { RunStep, Step } from '../graph/index.ts';
import { hostPlatform, platformFallbacks, type Platform } from '../oci/index.ts';
import { assess, type ResultCache, type Vertex } from '../solver/index.ts';
import type { Store } from '../store/index.ts';
import { registerOwnEmulators, tryEmulation, type Emulation } from '../sys/index.ts';
import type { State } from './types.ts';

/** What is known of this machine, which does not change while the process lives. */
const known = new Map<string, Promise<Emulation>>();

/** Whether this machine's processors run programs of the platform themselves. */
export function isNative({ architecture }: Platform): boolean {
  return platformFallbacks(hostPlatform()).some((native) => native.architecture === architecture);
}

/** As `tryEmulation`, each architecture once; emulators that can be had are registered. */
export async function emulationOf(store: Pick<Store, 'tempDir'>, architecture: string): Promise<Emulation> {
  const before = known.get(architecture) ?? found(store, architecture);
  known.set(architecture, before);
  return before;
}

async function found(store: Pick<Store, 'tempDir'>, architecture: string): Promise<Emulation> {
  const tried = await attempt(store, architecture);
  if (tried === 'runs' || tried === 'unknown' || !registerOwnEmulators()) return tried;
  // Those found before came from around the namespace.
  known.clear();
  return attempt(store, architecture);
}

async function attempt(store: Pick<Store, 'tempDir'>, architecture: string): Promise<Emulation> {
  await using folder = await store.tempDir();
  return tryEmulation(architecture, folder.path);
}

/** Throws EMULATOR_MISSING for a step that this machine cannot run. */
export async function requireEmulator(store: Pick<Store, 'tempDir'>, { platform }: RunStep): Promise<void> {
  if (isNative(platform)) return;
  const { architecture } = platform;
  const emulation = await emulationOf(store, architecture);
  if (emulation === 'missing' || emulation === 'outside') throw missing(architecture, emulation);
}

function missing(architecture: string, why: 'missing' | 'outside'): TsbuildError {
  const own = hostPlatform().architecture;
  const message =
    why === 'missing'
      ? `the step is for ${architecture}, and nothing on this ${own} machine runs programs for it`
      : `the step is for ${architecture}, whose emulator is registered without the flag F: it is not found in containers`;
  const remedy =
    why === 'missing'
      ? `install emulators (Debian: apt-get install qemu-user-static), or run as much as can be on ${own}: FROM --platform=$BUILDPLATFORM`
      : 'register it with the flag F (fix binary): see docs/platforms.md';
  return new TsbuildError('EMULATOR_MISSING', message, { hint: remedy });
}

/**
 * Throws EMULATOR_MISSING, placed in the Dockerfile, when it is certain that a step will run which this machine cannot run.
 * What the cache answers, and perhaps will, needs no emulator.
 */
export async function requireEmulators(
  targets: readonly { readonly step: Step; readonly vertex: Vertex<State> }[],
  services: {
    readonly store: Pick<Store, 'tempDir'>;
    readonly cache: ResultCache<State>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  for (const { step, vertex } of targets) {
    const impossible = new Map<string, TsbuildError>();
    for (const { id, op, at } of stepsBelow(step)) {
      if (op.kind !== 'run' || isNative(op.platform)) continue;
      const error = await requireEmulator(services.store, op).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (!(error instanceof TsbuildError)) continue;
      impossible.set(id, at === undefined ? error : error.locatedAt(at));
    }
    if (impossible.size === 0) continue;
    for (const { vertex: assessed, outlook } of await assess(vertex, services)) {
      const error = impossible.get(assessed.id);
      if (error !== undefined && outlook.status === 'run') throw error;
    }
  }
}

function stepsBelow(target: Step): Iterable<Step> {
  const steps = new Map([[target.id, target]]);
  for (const step of steps.values()) for (const input of step.inputs) steps.set(input.id, input);
  return steps.values();
}
