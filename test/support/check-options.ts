import { parsePlatform, parseReference } from '../../src/oci/index.ts';
import { compileIgnore, ignoreRules, type BaseFacts, type CheckOptions } from '../../src/dockerfile/index.ts';

/** What `options.json` beside a Dockerfile may say. */
export interface WrittenCheckOptions {
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly target?: string;
  /** Patterns of the ignore file. */
  readonly ignore?: readonly string[];
  /** Base images that are known, with what differs from a plain linux/amd64 one. */
  readonly bases?: Readonly<Record<string, WrittenBase>>;
}

interface WrittenBase {
  readonly architecture?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly shell?: boolean;
  readonly triggers?: boolean;
}

/** Options of a build for linux/amd64 on linux/amd64. */
export function checkOptions(written: WrittenCheckOptions = {}): CheckOptions {
  const { buildArgs = {}, target, ignore, bases = {} } = written;
  const describe = (prefix: string): [string, string][] => [
    [`${prefix}PLATFORM`, 'linux/amd64'],
    [`${prefix}OS`, 'linux'],
    [`${prefix}ARCH`, 'amd64'],
    [`${prefix}VARIANT`, ''],
  ];
  return {
    buildArgs: new Map(Object.entries(buildArgs)),
    platformArgs: new Map([...describe('TARGET'), ...describe('BUILD')]),
    target,
    ignore:
      ignore === undefined
        ? undefined
        : { name: '.dockerignore', matcher: compileIgnore(ignoreRules(ignore, '.dockerignore')) },
    base: (image) => baseFacts(bases[image]),
    isImageName: (text) => succeeds(() => parseReference(text)) !== undefined,
    platformOf: (text) => succeeds(() => parsePlatform(text)),
  };
}

function baseFacts(base: WrittenBase | undefined): BaseFacts | undefined {
  if (base === undefined) return undefined;
  return {
    os: 'linux',
    architecture: base.architecture ?? 'amd64',
    environment: new Map(Object.entries(base.environment ?? {})),
    shell: base.shell ?? false,
    triggers: base.triggers ?? false,
  };
}

function succeeds<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
