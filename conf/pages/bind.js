/* Sends both forms without leaving the page. Without this script they work too. */
'use strict';
(() => {
  const find = (id) => document.getElementById(id);
  const shown = (id, on) => { find(id).dataset.on = on ? 'yes' : ''; };
  const wait = find('wait');
  const fields = {
    phone_invalid: 'phone', too_many: 'phone', code_wrong: 'code', code_expired: 'code',
  };
  const ends = ['ticket_gone', 'csrf', 'refused']; // nothing on this page helps any more
  let timer;

  // As the server writes it.
  const span = (seconds) => {
    const units = wait.dataset.units.split(',');
    if (seconds <= 120) return seconds + units[0];
    if (seconds <= 7200) return Math.ceil(seconds / 60) + units[1];
    return Math.ceil(seconds / 3600) + units[2];
  };

  // By the clock, since timers of a sleeping phone stand still. A long wait is for one number,
  // and there may be another: the button stays.
  const countDown = (seconds) => {
    const end = Date.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      find('send').disabled = left > 0 && seconds <= 120;
      shown('again', left > 0);
      wait.textContent = span(left);
      if (left <= 0) clearInterval(timer);
    };
    clearInterval(timer);
    timer = setInterval(tick, 500);
    tick();
  };

  const complain = (field, message) => {
    find(field + '-error').textContent = message;
    find(field).setAttribute('aria-invalid', String(message !== ''));
  };

  const clear = () => {
    complain('phone', '');
    complain('code', '');
    find('problem').textContent = '';
    shown('number', false);
  };

  const failed = (answer) => {
    const field = fields[answer.error];
    if (answer.retry_in) countDown(answer.retry_in);
    find('error-id').textContent = answer.error_id;
    shown('number', true);
    if (field) {
      complain(field, answer.message);
      find(field).select(); // and gets the focus: what is typed next replaces it
      return;
    }
    find('problem').textContent = answer.message;
    if (ends.includes(answer.error)) {
      find('forms').dataset.on = '';
      shown('sign-in', true);
      find('sign-in').focus();
    }
  };

  const sent = (answer) => {
    shown('code-form', true);
    shown('sent', true);
    find('sent-to').textContent = ''; // it was another number, perhaps
    find('send').className = 'second';
    find('code').value = '';
    find('code').focus();
    countDown(answer.resend_in);
  };

  // The form's own members may be shadowed by fields of their names, so it is asked for attributes.
  const post = async (form) => {
    const response = await fetch(form.getAttribute('action'), {
      method: 'POST',
      headers: { Accept: 'application/json' },
      body: new URLSearchParams(new FormData(form)),
    });
    return response.json();
  };

  const submit = async (event) => {
    const form = event.currentTarget;
    event.preventDefault();
    if (form.getAttribute('aria-busy') === 'true') return;
    form.setAttribute('aria-busy', 'true');
    clear();
    try {
      const answer = await post(form);
      if (answer.location) {
        location.replace(answer.location);
        return;
      }
      (answer.ok ? sent : failed)(answer);
    } catch {
      find('problem').textContent = find('offline').textContent;
    }
    form.setAttribute('aria-busy', 'false');
  };

  find('phone-form').addEventListener('submit', submit);
  find('code-form').addEventListener('submit', submit);
  if (wait.dataset.seconds) countDown(Number(wait.dataset.seconds));
})();
