"""`python -m clinical_assets.documents.patient_page PATIENT OUT.html`: see `page`."""

from clinical_assets.documents.patient_page.page import main

if __name__ == "__main__":
    raise SystemExit(main())
