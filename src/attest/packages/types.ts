/** What an image has installed, whatever installed it. */
export interface FoundPackage {
  readonly kind: 'deb' | 'apk' | 'rpm' | 'npm';
  readonly name: string;
  readonly version: string;
  /** Of rpm: goes before the version where versions are compared. */
  readonly epoch?: number | undefined;
  /** As the package's manager writes it. */
  readonly architecture?: string | undefined;
  /** The source package, where it has another name or version: what advisories are about. */
  readonly source?: { readonly name: string; readonly version?: string | undefined } | undefined;
  /** As declared. */
  readonly license?: string | undefined;
  /** `Name <address>`, as declared. */
  readonly maintainer?: string | undefined;
  /** The file in the image that says so. */
  readonly from: string;
}

/** Where reading a stranger's files told of something odd; once a file. */
export type Warn = (message: string) => void;
