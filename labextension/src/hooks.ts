import { useEffect, useReducer, useState } from 'react';

import type { JobsModel } from './model';

/** Draw again whenever the model changes. */
export function useModel(model: JobsModel): void {
  const [, draw] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    model.changed.connect(draw);
    return () => {
      model.changed.disconnect(draw);
    };
  }, [model]);
}

/** The server's time, each second while the page is in sight. A clock for the eye: it asks nobody. */
export function useNow(model: JobsModel): number {
  const [now, setNow] = useState(model.now);
  useEffect(() => {
    const tick = (): void => {
      if (!document.hidden) {
        setNow(model.now);
      }
    };
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [model]);
  return now;
}
