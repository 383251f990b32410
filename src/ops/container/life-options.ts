import type { ContainerDefaults, Healthcheck } from '../../oci/types.ts';
import type { HealthCheck, LifeOptions } from './types.ts';

/** What `run` and `create` may say about how a container lives; what they leave out is the image's, or the default. */
export interface LifeChoices extends Omit<LifeOptions, 'healthCheck'> {
  /** Each member over the image's; `none`: no probes at all. */
  readonly healthCheck?: Partial<HealthCheck> | 'none' | undefined;
}

/** The defaults of `docker run`, in milliseconds. */
const defaults = { interval: 30_000, timeout: 30_000, startPeriod: 0, startInterval: 5000, retries: 3 };

/** The part of the record about a container's life. */
export function lifeOptionsOf(
  choices: LifeChoices,
  { Healthcheck: image, Shell: shell = [] }: Pick<ContainerDefaults, 'Healthcheck' | 'Shell'>,
): LifeOptions {
  const { restart, logOptions, openStdin, detachKeys, stopTimeout, labels } = choices;
  const own = shell.length > 0 ? { shell } : {};
  const healthCheck =
    choices.healthCheck === 'none' ? undefined : healthCheckOf(image, { ...own, ...choices.healthCheck });
  return { restart, logOptions, openStdin, detachKeys, stopTimeout, labels, healthCheck };
}

/** L-201: what is unset is written as 0 in images; a check without a test, or with `NONE`, is none. */
export function healthCheckOf(
  image: Healthcheck | undefined,
  over: Partial<HealthCheck> = {},
): HealthCheck | undefined {
  const test = over.test ?? image?.Test ?? [];
  if (test.length < 2 || (test[0] !== 'CMD' && test[0] !== 'CMD-SHELL')) return undefined;
  return {
    test,
    ...(over.shell !== undefined && test[0] === 'CMD-SHELL' && { shell: over.shell }),
    interval: over.interval ?? milliseconds(image?.Interval) ?? defaults.interval,
    timeout: over.timeout ?? milliseconds(image?.Timeout) ?? defaults.timeout,
    startPeriod: over.startPeriod ?? milliseconds(image?.StartPeriod) ?? defaults.startPeriod,
    startInterval: over.startInterval ?? milliseconds(image?.StartInterval) ?? defaults.startInterval,
    retries: over.retries ?? (image?.Retries || defaults.retries),
  };
}

/** Of an image's nanoseconds. */
function milliseconds(nanoseconds: number | undefined): number | undefined {
  return nanoseconds === undefined || nanoseconds === 0 ? undefined : nanoseconds / 1e6;
}
