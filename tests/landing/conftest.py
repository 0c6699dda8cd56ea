from source_databases import billing_only, erp_only, make_source

__all__ = ["billing_only", "erp_only", "make_source"]
