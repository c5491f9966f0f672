"""`python -m clinical_assets.documents.development_copy OUT`: see `copying`."""

from clinical_assets.documents.development_copy.copying import main

if __name__ == "__main__":
    raise SystemExit(main())
