import { TsbuildError } from '../core/index.ts';
import { defaultRetryPolicy, type RetryPolicy } from '../http/index.ts';

/**
 * What a command's flags say of registries travels in the environment of the process: every road to a registry follows it,
 * and so does what a command starts.
 */
export const registryVariables = {
  /** Hosts separated by commas. */
  insecure: 'TSBUILD_INSECURE_REGISTRIES',
  /** `1`: https with a certificate that is trusted, whatever the configuration says. */
  tlsVerify: 'TSBUILD_TLS_VERIFY',
  /** `HOST=FOLDER`: goes before the folders of certs.d. */
  certificates: 'TSBUILD_REGISTRY_CERTIFICATES',
  /** The one file of credentials. */
  authFile: 'TSBUILD_AUTH_FILE',
  /** How often a failed request is tried again. */
  retry: 'TSBUILD_REGISTRY_RETRY',
  /** Milliseconds between two tries. */
  retryDelay: 'TSBUILD_REGISTRY_RETRY_DELAY',
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** How patient one is with registries. Throws USAGE for a variable that is no number. */
export function retryPolicy(environment: Environment = process.env): RetryPolicy {
  const retry = numberOf(environment, registryVariables.retry);
  const delay = numberOf(environment, registryVariables.retryDelay);
  return {
    ...defaultRetryPolicy,
    ...(retry === undefined ? {} : { tries: retry + 1 }),
    ...(delay === undefined ? {} : { first: delay, longest: delay }),
  };
}

function numberOf(environment: Environment, name: string): number | undefined {
  const text = environment[name] ?? '';
  if (text === '') return undefined;
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new TsbuildError('USAGE', `${name} is not a number: ${JSON.stringify(text.slice(0, 40))}`);
}
