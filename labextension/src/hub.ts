import { URLExt } from '@jupyterlab/coreutils';

/** The pages of the hub that lead on. */
export interface IHub {
  /** Which servers there are. */
  home: string;
  /** The form that starts this server again. */
  start: string;
  /** This server's own address: where it no longer runs, the hub says there why. */
  why: string;
}

/** What JupyterLab knows of the hub that started it: JupyterFrontEnd.IPaths.urls. */
export interface IHubUrls {
  base: string;
  hubPrefix?: string;
  hubHost?: string;
  hubUser?: string;
  hubServerName?: string;
}

/** The hub's pages; null where no hub started this JupyterLab. */
export function hubOf(urls: IHubUrls): IHub | null {
  if (!urls.hubPrefix || !urls.hubUser) {
    return null;
  }
  const hub = URLExt.join(urls.hubHost ?? '', urls.hubPrefix);
  const name = [urls.hubUser, urls.hubServerName ?? ''].filter(Boolean).map(encodeURIComponent);
  return { home: URLExt.join(hub, 'home'), start: URLExt.join(hub, 'spawn', ...name), why: urls.base };
}
