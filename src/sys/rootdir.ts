export interface RootDir {
  readonly fd: number;
}
