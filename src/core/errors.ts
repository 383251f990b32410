import { narrowed, type SourceExcerpt } from './source.ts';

/**
 * Every error a user can meet, with the exit status of its class and what it means. Codes are stable:
 * scripts match on them. Exit statuses by class: 1 general, 2 usage, 3 Dockerfile, 4 context,
 * 5 a RUN step failed, 6 registry, 7 disk, 8 the container could not be set up, 70 internal, 130 interrupted.
 */
export const errorCodes = {
  USAGE: { exit: 2, meaning: 'The command line is wrong.' },
  DOCKERFILE_NOT_FOUND: { exit: 3, meaning: 'There is no Dockerfile at the expected path.' },
  DOCKERFILE_SYNTAX: { exit: 3, meaning: 'A line of the Dockerfile is not a valid instruction.' },
  DOCKERFILE_EXPANSION: { exit: 3, meaning: 'A variable expression of the Dockerfile cannot be expanded.' },
  DOCKERFILE_INVALID: { exit: 3, meaning: 'An instruction is well-formed, but its values make no sense.' },
  DOCKERFILE_UNSUPPORTED: { exit: 3, meaning: 'The Dockerfile asks for something this version does not do.' },
  DOCKERFILE_CHECK: { exit: 3, meaning: 'A build check has findings, and the Dockerfile makes them errors.' },
  STAGE_NOT_FOUND: { exit: 3, meaning: 'A stage, or the --target, does not exist.' },
  IGNORE_PATTERN_INVALID: { exit: 4, meaning: 'A line of the ignore file is not a valid pattern.' },
  CONTEXT_NOT_FOUND: { exit: 4, meaning: 'The build context is not a readable folder.' },
  CONTEXT_CHANGED: { exit: 4, meaning: 'A file of the context changed while it was being copied.' },
  COPY_SOURCE_NOT_FOUND: { exit: 4, meaning: 'A COPY or ADD source does not exist.' },
  COPY_FAILED: { exit: 4, meaning: 'A COPY or ADD could not be carried out.' },
  SOURCE_UNREACHABLE: { exit: 4, meaning: 'A git repository or URL could not be reached.' },
  SOURCE_DENIED: { exit: 4, meaning: 'A git repository or URL wants other credentials.' },
  SOURCE_NOT_FOUND: {
    exit: 4,
    meaning: 'A URL, a git repository, or a ref or folder of it, does not exist.',
  },
  SOURCE_INVALID: { exit: 4, meaning: 'A git or URL source is malformed, or not what its checksum says.' },
  POLICY_INVALID: { exit: 2, meaning: 'A source policy or a lock file cannot be read, or makes no sense.' },
  POLICY_DENIED: { exit: 3, meaning: 'A source policy denies what the build wants to take.' },
  LOCK_OUTDATED: { exit: 3, meaning: 'The build takes something that its lock file does not have.' },
  RUN_FAILED: { exit: 5, meaning: 'The command of a RUN step ended with a non-zero exit status.' },
  USER_NOT_FOUND: { exit: 3, meaning: 'A user or group does not exist in the root file system.' },
  IMAGE_NOT_FOUND: { exit: 1, meaning: 'No such image in the local store or its registry.' },
  IMAGE_INVALID: { exit: 1, meaning: 'An image, manifest or config breaks the OCI or Docker format.' },
  IMAGE_IN_USE: { exit: 1, meaning: 'The image is used by a container or has several names.' },
  PLATFORM_MISMATCH: { exit: 1, meaning: 'The image has no variant for the wanted platform.' },
  REFERENCE_INVALID: { exit: 2, meaning: 'An image name is malformed.' },
  DIGEST_INVALID: { exit: 1, meaning: 'A digest is malformed.' },
  DIGEST_MISMATCH: { exit: 1, meaning: 'Content does not have the digest or size it was promised to have.' },
  ATTESTATION_FAILED: { exit: 1, meaning: 'Provenance or an SBOM of an image could not be made or kept.' },
  BLOB_NOT_FOUND: { exit: 1, meaning: 'A blob is not in the store.' },
  NAME_RESERVED: { exit: 1, meaning: 'A file has a name (.wh.…) that means a removal in image layers.' },
  ARCHIVE_INVALID: { exit: 1, meaning: 'An archive is damaged, hostile or of an unknown kind.' },
  ARCHIVE_LIMIT: { exit: 1, meaning: 'An archive is larger than the limits that protect this machine.' },
  STORE_VERSION: {
    exit: 1,
    meaning: 'The store was written by a newer version, or for another user or driver.',
  },
  STORE_DAMAGED: { exit: 1, meaning: 'A file of the store does not hold what it should.' },
  CACHE_MISMATCH: {
    exit: 1,
    meaning: 'A step that was made again differs from what an imported cache says of it.',
  },
  REGISTRY_UNREACHABLE: { exit: 6, meaning: 'The registry could not be reached.' },
  REGISTRY_DENIED: { exit: 6, meaning: 'The registry refused access.' },
  REGISTRY_ERROR: { exit: 6, meaning: 'The registry answered with an error.' },
  CREDENTIALS_INVALID: { exit: 6, meaning: 'A file or helper of registry credentials cannot be used.' },
  REGISTRY_CONFIG_INVALID: {
    exit: 6,
    meaning: 'A file that configures registries, or a certificate for one, cannot be used.',
  },
  CACHE_SERVICE_UNREACHABLE: { exit: 6, meaning: 'A service that keeps caches could not be reached.' },
  CACHE_SERVICE_DENIED: {
    exit: 6,
    meaning: 'A service that keeps caches refused access, or nothing is known to get access with.',
  },
  CACHE_SERVICE_ERROR: { exit: 6, meaning: 'A service that keeps caches answered with an error.' },
  DISK_FULL: { exit: 7, meaning: 'The disk is full.' },
  PERMISSION_DENIED: { exit: 7, meaning: 'The operating system refused access.' },
  IO_ERROR: { exit: 7, meaning: 'Reading or writing failed.' },
  HOST_UNSUPPORTED: { exit: 8, meaning: 'This machine lacks something that is needed.' },
  EMULATOR_MISSING: {
    exit: 8,
    meaning: 'A step is for another processor, and nothing on this machine emulates it.',
  },
  RUNTIME_SETUP: { exit: 8, meaning: 'The container could not be set up.' },
  COMMAND_NOT_FOUND: { exit: 127, meaning: 'The command does not exist in the container.' },
  COMMAND_NOT_EXECUTABLE: { exit: 126, meaning: 'The command exists but cannot be executed.' },
  LIMIT_UNAVAILABLE: { exit: 8, meaning: 'A resource limit was asked for that this machine cannot apply.' },
  CONTAINER_NOT_FOUND: { exit: 1, meaning: 'No such container.' },
  CONTAINER_NAME_IN_USE: { exit: 1, meaning: 'Another container has this name.' },
  CONTAINER_STATE: { exit: 1, meaning: 'The container is not in a state that allows this.' },
  CACHE_NOT_FOUND: { exit: 1, meaning: 'No such cache mount in the store.' },
  CACHE_IN_USE: { exit: 1, meaning: 'The cache mount is used by a build that runs.' },
  VOLUME_NOT_FOUND: { exit: 1, meaning: 'No such volume.' },
  VOLUME_IN_USE: { exit: 1, meaning: 'The volume is used by a container.' },
  PORT_IN_USE: { exit: 1, meaning: 'A port to publish is taken by a container or another program.' },
  NETWORK_UNAVAILABLE: { exit: 8, meaning: 'This machine lets no network for containers be set up.' },
  ENTITLEMENT_REQUIRED: { exit: 3, meaning: 'The Dockerfile asks for more than --allow grants.' },
  SSH_INVALID: { exit: 2, meaning: 'An SSH agent or key of --ssh is missing or unusable.' },
  SECRET_INVALID: { exit: 2, meaning: 'A build secret is missing, unreadable or too large.' },
  INTERRUPTED: { exit: 130, meaning: 'The user or another process asked to stop.' },
  INTERNAL: { exit: 70, meaning: 'A defect of tsbuild itself.' },
} as const satisfies Record<string, { exit: number; meaning: string }>;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  /** What the user can do about it, one line. */
  readonly hint?: string | undefined;
  /** Where in the user's own text the mistake is. */
  readonly at?: SourceExcerpt | undefined;
  /** The wrong words as the user wrote them: the place is narrowed to them where that is clear. */
  readonly fault?: string | undefined;
  readonly cause?: unknown;
}

/** The one error class for what a user can meet. A programmer's mistake stays a plain Error. */
export class TsbuildError extends Error {
  override readonly name = 'TsbuildError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly at: SourceExcerpt | undefined;
  readonly fault: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.fault = details.fault;
    this.at =
      details.at === undefined || details.fault === undefined
        ? details.at
        : narrowed(details.at, details.fault);
  }

  get exitStatus(): number {
    return errorCodes[this.code].exit;
  }

  /** The same error with its place; an innermost place, once known, is kept. */
  locatedAt(at: SourceExcerpt): TsbuildError {
    if (this.at !== undefined) return this;
    return this.#with({ at });
  }

  /** The same error blaming some words; the innermost words, once known, are kept. */
  blaming(fault: string): TsbuildError {
    return this.fault === undefined ? this.#with({ fault }) : this;
  }

  /** The same error with a hint, if it has none of its own. */
  hinting(hint: string): TsbuildError {
    return this.hint === undefined ? this.#with({ hint }) : this;
  }

  #with(details: ErrorDetails): TsbuildError {
    const { hint, at, fault, cause } = this;
    return new TsbuildError(this.code, this.message, { hint, at, fault, cause, ...details });
  }
}

export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return typeof error.code === 'string' && codes.includes(error.code);
}

/**
 * What went wrong first, where disposing of what was held went wrong after it (ECMA-262, SuppressedError): a full disk is
 * met again by whoever cleans up. By its name, since a bundle brings its own class where the engine has none.
 */
export function firstError(error: unknown): unknown {
  let first = error;
  while (first instanceof Error && first.name === 'SuppressedError' && 'suppressed' in first)
    first = first.suppressed;
  return first;
}

/** Node's rmSync says of most errors only that there was one (UV_UNKNOWN); and not all of Linux's have a name in libuv. */
function isUnnamed(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'UNKNOWN' || String(error.code).startsWith('Unknown system error');
}

/** libuv has no name for EDQUOT. */
function isQuota(error: unknown): boolean {
  return isErrno(error, 'EDQUOT') || (isUnnamed(error) && error.errno === -122);
}

/** A failed system call as an error a user understands; anything else unchanged. Of several errors, the first. */
export function fromErrno(thrown: unknown, doing: string): unknown {
  const error = firstError(thrown);
  if (error instanceof TsbuildError) return error;
  if (isErrno(error, 'ENOSPC') || isQuota(error)) {
    return new TsbuildError('DISK_FULL', `${doing}: no space left on the device`, {
      hint: 'free some space, or point --root (TSBUILD_ROOT) to a larger disk',
      cause: error,
    });
  }
  if (isErrno(error, 'EACCES', 'EPERM', 'EROFS')) {
    const hint = isErrno(error, 'EROFS')
      ? 'the file system is read-only, as mounted or since its disk failed: mount it writable, or use another (--root or TSBUILD_ROOT for the store)'
      : undefined;
    return new TsbuildError('PERMISSION_DENIED', `${doing}: ${error.message}`, { hint, cause: error });
  }
  if (
    isUnnamed(error) ||
    isErrno(error, 'EIO', 'EMFILE', 'ENFILE', 'ENOTDIR', 'EISDIR', 'ENOENT', 'ENAMETOOLONG', 'ELOOP')
  ) {
    return new TsbuildError('IO_ERROR', `${doing}: ${error.message}`, { cause: error });
  }
  return error;
}
