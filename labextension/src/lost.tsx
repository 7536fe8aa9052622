import type { IConnectionLost, JupyterLab } from '@jupyterlab/application';
import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import type { IHub } from './hub';
import type { JobsModel } from './model';
import { moment } from './time';

interface ILostProps {
  model: JobsModel;
  hub: IHub;
  trans: TranslationBundle;
}

/**
 * What JupyterLab calls when its server does not answer: one dialog a loss, that leads to the hub's page which names
 * the end. It asks nobody; an event of the server's closes it.
 */
export function sayWhereToLook(props: ILostProps, info: JupyterLab.IInfo | null): IConnectionLost {
  const { model, trans } = props;
  let dialog: Dialog<unknown> | null = null;
  let isTold = false;
  model.heard.connect(() => {
    isTold = false;
    dialog?.reject();
  });
  return async () => {
    if (isTold) {
      return;
    }
    isTold = true;
    dialog = new Dialog({
      title: trans.__('The server does not answer'),
      body: <Lost {...props} />,
      buttons: [Dialog.cancelButton({ label: trans.__('Close') })]
    });
    if (info) {
      info.isConnected = false; // JupyterLab's own questions rest as long as this is open
    }
    await dialog.launch();
    dialog = null;
    if (info) {
      info.isConnected = true;
    }
  };
}

function Lost({ model, hub, trans }: ILostProps): JSX.Element {
  const ends = model.ahead?.ends ?? null;
  const isOver = ends !== null && Date.parse(ends) <= model.now;
  return (
    <div className="bs-Lost">
      <p>
        {isOver
          ? trans.__('The end of its job was at %1.', moment(ends))
          : trans.__('Its job may have ended, or the network between here and there is interrupted.')}
      </p>
      <p>
        {trans.__('Keep this page open: what you have not saved is only here. Once the server runs again, save from here.')}
      </p>
      <p>
        <a href={hub.why} target="_blank" rel="noopener">
          {trans.__('See why it ended')}
        </a>
      </p>
      <p>
        <a href={hub.start} target="_blank" rel="noopener">
          {trans.__('Start again')}
        </a>
      </p>
    </div>
  );
}
