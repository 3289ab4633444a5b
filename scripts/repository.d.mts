interface Manifest {
  readonly version: string;
  readonly repository?: string | { readonly url: string };
}

export function addressOf(manifest: Manifest, path: string, view?: 'blob' | 'raw'): string | undefined;

export function absoluteLinks(markdown: string, manifest: Manifest): string;
