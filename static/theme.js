// Applies the chosen theme before the first paint. A classic, blocking script on purpose.
(() => {
  'use strict';
  const KEY = 'spark-control.theme';
  /** @param {string | null} theme */
  const apply = (theme) => {
    const fixed = theme === 'light' || theme === 'dark';
    if (fixed) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    return fixed ? theme : 'auto';
  };
  const read = () => {
    try { return localStorage.getItem(KEY); } catch { return null; } // storage may be forbidden
  };
  let current = apply(read());
  addEventListener('DOMContentLoaded', () => {
    const select = /** @type {HTMLSelectElement | null} */ (document.getElementById('theme'));
    if (!select) return;
    select.value = current;
    select.addEventListener('change', () => {
      current = apply(select.value);
      try { localStorage.setItem(KEY, current); } catch { /* the choice lasts as long as the page */ }
    });
  });
})();
